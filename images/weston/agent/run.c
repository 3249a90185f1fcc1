/* The verb `run`: a shell command, with what it reads and what it says in files (files.c), and the beginning of that in the reply. */
#define _GNU_SOURCE
#include "agent.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { COMMAND_MOST = 700, SHOWN = 300 };
#define INPUT "/tmp/stdin"
#define OUTPUT "/tmp/stdout"

static pid_t running;
static int ended_with;

bool command_ended(pid_t pid, int status)
{
    if (pid != running || WIFSTOPPED(status) || WIFCONTINUED(status))
        return false;
    running = 0;
    ended_with = status;
    return true;
}

static bool is_over(const void *unused)
{
    (void)unused;
    return !running;
}

static void become(const char *line)
{
    reset_signals();
    setsid();
    unlink(OUTPUT);                                 /* whatever a command before has put there */
    int in = open(access(INPUT, R_OK) == 0 ? INPUT : "/dev/null", O_RDONLY), out = open(OUTPUT, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    dup2(in, 0);
    dup2(out, 1);
    dup2(out, 2);
    close_range(3, ~0U, 0);
    execl("/usr/bin/busybox", "sh", "-c", line, NULL);
    _exit(127);
}

void run(const char *p, struct rayos_reply *r)
{
    char text[4 * COMMAND_MOST / 3 + 5], shown[4 * SHOWN / 3 + 5];
    uint8_t line[COMMAND_MOST + 4], begins[SHOWN];
    uint32_t seconds = 10;
    int n = rayos_word(p, "line", text, sizeof text) ? unbase64(line, text) : -1;
    if (n <= 0 || memchr(line, 0, (size_t)n)) {
        rayos_refuse(r, "argument", "line");
        return;
    }
    line[n] = 0;
    if (strstr(p, " seconds=") && !number(r, p, "seconds", 1, 3600, &seconds))
        return;
    running = fork();
    if (running == 0)
        become((const char *)line);
    if (running < 0) {
        running = 0;
        rayos_refuse(r, "limit", "process");
        return;
    }
    if (!run_until(is_over, NULL, seconds * UINT64_C(1000000))) {
        kill(-running, SIGKILL);                    /* with all that it started */
        run_until(is_over, NULL, UINT64_C(1000000));
        rayos_refuse(r, "state", "slow");
        return;
    }
    off_t size = 0;
    int fd = open_file(OUTPUT, O_RDONLY, &size);
    ssize_t got = fd < 0 ? 0 : read(fd, begins, sizeof begins);
    close(fd);
    base64(shown, begins, got > 0 ? (size_t)got : 0);
    rayos_say(r, " %s=%d size=%lld data=%s", WIFSIGNALED(ended_with) ? "signal" : "code",
              WIFSIGNALED(ended_with) ? WTERMSIG(ended_with) : WEXITSTATUS(ended_with), (long long)size, shown);
}
