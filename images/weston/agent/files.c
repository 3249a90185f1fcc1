/* Files to and from the host, in pieces that fit a command, each checked by the frame's CRC and the whole by its own. Only below /tmp. */
#define _GNU_SOURCE
#include "agent.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE = 600, FILE_MOST = 64 << 20 };         /* bytes; the second: a quarter of the machine's memory */

static bool place(struct rayos_reply *r, const char *p, char *path, size_t size)
{
    char name[64];
    if (!rayos_word(p, "name", name, sizeof name) || !*name || *name == '.' || strchr(name, '/')) {
        rayos_refuse(r, "argument", "name");
        return false;
    }
    snprintf(path, size, "/tmp/%s", name);
    return true;
}

int open_file(const char *path, int how, off_t *size)
{
    struct stat s;
    int fd = open(path, how | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    if (fstat(fd, &s) == 0 && S_ISREG(s.st_mode)) {
        *size = s.st_size;
        return fd;
    }
    close(fd);
    errno = EINVAL;
    return -1;
}

static int open_it(struct rayos_reply *r, const char *path, int how, off_t *size)
{
    int fd = open_file(path, how, size);
    if (fd < 0)
        rayos_refuse(r, errno == ENOENT ? "id" : "state", "name");
    return fd;
}

void put_file(const char *p, struct rayos_reply *r)
{
    char path[80], text[4 * PIECE / 3 + 5];
    uint8_t bytes[PIECE + 3];
    uint32_t at;
    off_t size;
    if (!place(r, p, path, sizeof path) || !number(r, p, "at", 0, FILE_MOST, &at))
        return;
    int n = rayos_word(p, "data", text, sizeof text) ? unbase64(bytes, text) : -1;
    if (n < 0) {
        rayos_refuse(r, "argument", "data");
        return;
    }
    int fd = open_it(r, path, O_WRONLY | O_CREAT, &size);
    if (fd < 0)
        return;
    if ((at == 0 && ftruncate(fd, 0) < 0) || pwrite(fd, bytes, (size_t)n, at) != n)
        rayos_refuse(r, "limit", "memory");
    close(fd);
}

void get_file(const char *p, struct rayos_reply *r)
{
    char path[80], text[4 * PIECE / 3 + 5];
    uint8_t bytes[PIECE];
    uint32_t at;
    off_t size;
    if (!place(r, p, path, sizeof path) || !number(r, p, "at", 0, FILE_MOST, &at))
        return;
    int fd = open_it(r, path, O_RDONLY, &size);
    if (fd < 0)
        return;
    ssize_t n = pread(fd, bytes, sizeof bytes, at);
    if (n < 0) {
        rayos_refuse(r, "state", "name");
    } else {
        base64(text, bytes, (size_t)n);
        rayos_say(r, " size=%llu data=%s", (unsigned long long)size, text);
    }
    close(fd);
}

void sum_file(const char *p, struct rayos_reply *r)
{
    char path[80];
    uint8_t bytes[4096];
    uint32_t crc = 0;
    uint64_t read_so_far = 0;
    off_t size;
    ssize_t n = 0;
    int fd = place(r, p, path, sizeof path) ? open_it(r, path, O_RDONLY, &size) : -1;
    if (fd < 0)
        return;
    for (; size <= FILE_MOST && read_so_far < (uint64_t)size && (n = read(fd, bytes, sizeof bytes)) > 0; read_so_far += (uint64_t)n)
        crc = rayos_crc32(crc, bytes, (size_t)n);   /* not what a program adds meanwhile: that may have no end */
    close(fd);
    if (size > FILE_MOST)
        rayos_refuse(r, "limit", "name");           /* holes cost no memory, but time */
    else if (n < 0)
        rayos_refuse(r, "state", "name");
    else
        rayos_say(r, " size=%llu crc=%08x", (unsigned long long)read_so_far, crc);
}
