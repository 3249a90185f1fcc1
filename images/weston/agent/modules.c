/* Kernel modules: at first those whose device is there, as udev would load them; the others once the desktop is drawn, for what is
 * plugged in later. Loading all of them at first took 0.1 s (TCG) before the compositor. */
#define _GNU_SOURCE
#include "agent.h"
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LINE = 4096, DEVICES = 256, ALIAS = 160 };       /* of modules/order: a name, and the aliases of devices that it is for */

static char devices[DEVICES][ALIAS];            /* what each is, as udev is told it */
static size_t present;

static void load(const char *name)
{
    char path[96];
    snprintf(path, sizeof path, "/modules/%s.ko", name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if ((fd < 0 || syscall(SYS_finit_module, fd, "", 0) < 0) && errno != EEXIST)
        fprintf(stderr, "agent: module %s: %m\n", name);
    close(fd);
}

static void look_for_devices(void)
{
    glob_t found = { 0 };
    glob("/sys/bus/pci/devices/*/modalias", 0, NULL, &found);
    glob("/sys/bus/virtio/devices/*/modalias", GLOB_APPEND, NULL, &found);
    glob("/sys/bus/acpi/devices/*/modalias", GLOB_APPEND, NULL, &found);
    present = 0;
    for (size_t i = 0; i < found.gl_pathc && present < DEVICES; i++) {
        FILE *file = fopen(found.gl_pathv[i], "re");
        if (file && fgets(devices[present], ALIAS, file)) {
            devices[present][strcspn(devices[present], "\n")] = 0;
            present++;
        }
        if (file)
            fclose(file);
    }
    globfree(&found);
}

static bool is_there(const char *alias)
{
    for (size_t i = 0; i < present; i++)
        if (fnmatch(alias, devices[i], 0) == 0)
            return true;
    return false;
}

void load_modules(bool all)
{
    static char line[LINE];
    FILE *order = fopen("/modules/order", "re");
    look_for_devices();
    while (order && fgets(line, sizeof line, order)) {
        char *name = strtok(line, " \n"), *alias = strtok(NULL, " \n");
        bool wanted = all || !alias;
        for (; alias && !wanted; alias = strtok(NULL, " \n"))
            wanted = is_there(alias);
        if (!wanted)
            continue;
        load(name);
        if (!strcmp(name, "virtio_pci"))
            look_for_devices();                 /* it brings those of the bus virtio */
    }
    if (order)
        fclose(order);
}
