/* Starts Weston, starts it again, and says what became of it. */
#define _GNU_SOURCE
#include "agent.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t pid;
static bool up, lost;

pid_t compositor_pid(void)
{
    return pid;
}

bool compositor_is_up(const void *unused)
{
    (void)unused;
    return up;
}

void start_compositor(void)
{
    up = false;
    unlink("/run/user/desktop");                /* made by the Weston module once the desktop is drawn */
    unlink("/run/user/wayland-0");
    unlink("/run/user/wayland-0.lock");
    pid = fork();
    if (pid)
        return;
    setsid();
    reset_signals();
    int log = open("/run/weston.log", O_WRONLY | O_CREAT | O_APPEND, 0644), null = open("/dev/null", O_RDONLY);
    dup2(null, 0);
    dup2(log, 1);
    dup2(log, 2);
    execl("/usr/bin/weston", "weston", "--backend=drm-backend.so", "--use-pixman", "--tty=1", "--seat=seat0",
          "--socket=wayland-0", "--config=/etc/weston.ini", NULL);
    _exit(127);
}

/* Weston has a pointer only from the first motion on: clients that hear of it by a click have lost that click. */
static void wake_pointer(void)
{
    unsigned width, height;
    screen_size(&width, &height);
    point(width - 2, height - 1);               /* two places: one that it is at already is no motion */
    point(width - 1, height - 1);
}

void compositor_ready(void)
{
    up = true;
    wake_pointer();
    if (lost) {
        lost = false;
        rayos_marker(&kit, "FAILURE:RECOVERY_COMPLETE:%u:success", COMPOSITOR);
        restart_lost_clients();
    }
}

/* The end of its log: what it said before it went. */
static void show_log(void)
{
    char line[200];
    FILE *log = fopen("/run/weston.log", "re");
    if (log && fseek(log, -600, SEEK_END) < 0)
        rewind(log);
    while (log && fgets(line, sizeof line, log))
        say_console("weston: %s", line);
    if (log)
        fclose(log);
}

void compositor_ended(int status)
{
    bool never = !up;
    pid = 0;
    up = false;
    rayos_marker(&kit, "FAILURE:DETECTED:compositor:%u", COMPOSITOR);
    rayos_marker(&kit, "CLIENT:EXIT:%u:%s:%d", COMPOSITOR, WIFSIGNALED(status) ? "signal" : "code",
                 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    if (never) {                        /* it would not come the next time either */
        show_log();
        return;
    }
    lost = true;
    rayos_marker(&kit, "FAILURE:RECOVERY_START:%u", COMPOSITOR);
    start_compositor();
}
