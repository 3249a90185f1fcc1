/* File systems, and what libinput would hear of udev. */
#define _GNU_SOURCE
#include "agent.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static bool reads_zero(const char *device, const char *what)
{
    char path[320], text[128] = "";
    snprintf(path, sizeof path, "/sys/class/input/%s/device/capabilities/%s", device, what);
    FILE *file = fopen(path, "re");
    if (file) {
        if (!fgets(text, sizeof text, file))
            *text = 0;
        fclose(file);
    }
    return strspn(text, "0 \n") == strlen(text);
}

/* libinput takes only devices that udev has seen and described; it looks once, when the compositor starts. */
static void describe_input(void)
{
    mkdir("/run/udev", 0755);
    mkdir("/run/udev/data", 0755);
    DIR *all = opendir("/sys/class/input");
    for (struct dirent *e; all && (e = readdir(all));) {
        unsigned number;
        char path[64];
        if (sscanf(e->d_name, "event%u", &number) != 1)
            continue;
        snprintf(path, sizeof path, "/run/udev/data/c13:%u", 64 + number);
        FILE *file = fopen(path, "we");
        if (!file)
            continue;
        bool points = !reads_zero(e->d_name, "abs") || !reads_zero(e->d_name, "rel");
        fprintf(file, "I:1\nE:ID_INPUT=1\nE:ID_INPUT_%s=1\n", points ? "MOUSE" : "KEYBOARD");
        fclose(file);
    }
    if (all)
        closedir(all);
}

void start_system(void)
{
    mount("proc", "/proc", "proc", 0, "");
    mount("sysfs", "/sys", "sysfs", 0, "");
    mount("devtmpfs", "/dev", "devtmpfs", 0, "");
    mkdir("/dev/shm", 01777);
    mkdir("/dev/pts", 0755);
    mount("tmpfs", "/dev/shm", "tmpfs", 0, "");
    mount("devpts", "/dev/pts", "devpts", 0, "");
    mount("tmpfs", "/run", "tmpfs", 0, "mode=755");
    mount("tmpfs", "/tmp", "tmpfs", 0, "");
    mkdir("/run/user", 0700);
    load_modules(false);
    make_input_devices();
    describe_input();
    setenv("PATH", "/usr/bin", 1);
    setenv("HOME", "/root", 1);
    setenv("SHELL", "/bin/sh", 1);                  /* of weston-terminal */
    setenv("XDG_RUNTIME_DIR", "/run/user", 1);
    setenv("WAYLAND_DISPLAY", "wayland-0", 1);
    setenv("XDG_CACHE_HOME", "/tmp", 1);
}

void command_line(char *words, size_t size)
{
    FILE *file = fopen("/proc/cmdline", "re");
    *words = ' ';
    words[1] = 0;
    if (file) {
        if (fgets(words + 1, (int)size - 1, file))
            words[strcspn(words, "\n")] = 0;
        fclose(file);
    }
}

void screen_size(unsigned *width, unsigned *height)
{
    *width = *height = 0;
    DIR *all = opendir("/sys/class/drm");
    for (struct dirent *e; all && !*width && (e = readdir(all));) {
        char path[320];
        snprintf(path, sizeof path, "/sys/class/drm/%s/modes", e->d_name);
        FILE *file = fopen(path, "re");         /* its first line is the mode that the compositor will take */
        if (file && fscanf(file, "%ux%u", width, height) != 2)
            *width = *height = 0;
        if (file)
            fclose(file);
    }
    if (all)
        closedir(all);
}
