/* What the launcher asks of an operating system: folders, files, and the program's own place. */

#ifndef ALYA_PLATFORM_H
#define ALYA_PLATFORM_H

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PATH_LENGTH = 4096, PLACES = 3 };

/* Told to the program: the path of this file. */
#define OWN_PATH_VARIABLE "_ALYA_MCP_BINARY"
/* A file in each unpacked program, which every process that runs from there holds a shared lock on. */
#define LOCK_NAME "in-use"
/* Under ALYA_HOME, and under the user's folder for caches. */
#define FOLDER "/cache/binary"

/* As snprintf; whether all of it found room. */
static int form(char *out, size_t room, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    int length = vsnprintf(out, room, format, values);
    va_end(values);
    return length >= 0 && (size_t)length < room;
}

static int make_folders(const char *path); /* with those above it; for their owner alone */
static int remove_tree(const char *path);

#ifdef _WIN32
#include "platform_windows.h"
#else
#include "platform_posix.h"
#endif

/* The value of a variable without blanks around it; 0 when it is unset, blank or a client's placeholder. */
static int variable(const char *name, char *value, size_t room)
{
    static const char blanks[] = " \t\r\n";
    const char *found = getenv_utf8(name);
    if (found == NULL)
        return 0;
    found += strspn(found, blanks);
    size_t length = strlen(found);
    while (length > 0 && strchr(blanks, found[length - 1]))
        length--;
    if (length == 0 || length >= room || memcmp(found, "${", length < 2 ? 1 : 2) == 0)
        return 0;
    memcpy(value, found, length);
    value[length] = 0;
    return 1;
}

/* The number-th folder in which programs may be unpacked; 0 when there is none of that number. */
static int place_of(int number, char *place, size_t room)
{
    char base[PATH_LENGTH], home[PATH_LENGTH];
    if (number == 0) {
        if (!variable("ALYA_HOME", base, sizeof base))
            return 0;
        if (base[0] == '~' && (base[1] == '/' || base[1] == 0) && home_folder(home, sizeof home))
            return form(place, room, "%s%s" FOLDER, home, base + 1);
        return is_absolute(base) && form(place, room, "%s" FOLDER, base);
    }
    if (number == 1)
        return cache_folder(base, sizeof base) && is_absolute(base) &&
               form(place, room, "%s/alya-mcp/binary", base);
    return temporary_folder(place, room);
}

static int make_folders(const char *path)
{
    char part[PATH_LENGTH];
    if (!form(part, sizeof part, "%s", path))
        return 0;
    for (char *at = part + 1; *at; at++) {
        if (*at != '/')
            continue;
        *at = 0;
        if (!is_there(part))
            make_folder(part); /* whether that went well shows below */
        *at = '/';
    }
    return is_there(path) || make_folder(path) || is_there(path);
}

#endif
