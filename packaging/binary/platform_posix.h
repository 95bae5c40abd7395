/* Linux and macOS. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>
#ifdef __APPLE__
#include <mach-o/dyld.h>
#endif

static const char *getenv_utf8(const char *name) { return getenv(name); }

static int is_absolute(const char *path) { return path[0] == '/'; }

static int is_there(const char *path) { return access(path, F_OK) == 0; }

static int make_folder(const char *path) { return mkdir(path, 0700) == 0; }

static int make_link(const char *to, const char *path) { return symlink(to, path) == 0; }

static int move(const char *from, const char *to) { return rename(from, to) == 0; }

static long own_number(void) { return (long)getpid(); }

static int on_terminal(void) { return isatty(2); }

static int is_private(const char *path)
{
    struct stat found;
    return lstat(path, &found) == 0 && S_ISDIR(found.st_mode) && found.st_uid == geteuid() &&
           (found.st_mode & 022) == 0;
}

static int write_file(const char *path, const uint8_t *data, size_t size, int executable)
{
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL, executable ? 0700 : 0600);
    if (file < 0)
        return 0;
    while (size > 0) {
        ssize_t written = write(file, data, size);
        if (written < 0 && errno != EINTR) {
            int why = errno;
            close(file);
            errno = why;
            return 0;
        }
        if (written > 0) {
            data += written;
            size -= (size_t)written;
        }
    }
    return close(file) == 0;
}

/* Have what was written on the disk before its folder gets its name: a power failure leaves all or nothing. */
static void flush_disk(const char *path)
{
    (void)path;
    sync();
}

static int remove_tree(const char *path)
{
    struct stat found;
    if (lstat(path, &found) != 0)
        return 0;
    if (!S_ISDIR(found.st_mode))
        return unlink(path) == 0;
    DIR *folder = opendir(path);
    if (folder == NULL)
        return 0;
    char inner[PATH_LENGTH];
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (form(inner, sizeof inner, "%s/%s", path, entry->d_name))
            remove_tree(inner);
    }
    closedir(folder);
    return rmdir(path) == 0;
}

/* Remove the programs in `place` other than `own` that no process runs from, and what a killed start left. */
static void remove_others(const char *place, const char *own)
{
    DIR *folder = opendir(place);
    if (folder == NULL)
        return;
    char path[PATH_LENGTH], lock[PATH_LENGTH];
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        const char *name = entry->d_name;
        if (!form(path, sizeof path, "%s/%s", place, name))
            continue;
        if (strncmp(name, ".new-", 5) == 0) {
            if (kill((pid_t)atol(name + 5), 0) != 0 && errno == ESRCH)
                remove_tree(path);
            continue;
        }
        if (strlen(name) != strlen(own) || strspn(name, "0123456789abcdef") != strlen(own) ||
            strcmp(name, own) == 0)
            continue;
        if (!form(lock, sizeof lock, "%s/" LOCK_NAME, path))
            continue;
        int held = open(lock, O_RDONLY | O_CLOEXEC);
        if (held >= 0 && flock(held, LOCK_EX | LOCK_NB) == 0)
            remove_tree(path);
        if (held >= 0)
            close(held);
    }
    closedir(folder);
}

static int home_folder(char *path, size_t room)
{
    const char *home = getenv("HOME");
    if (home == NULL || home[0] != '/') {
        struct passwd *user = getpwuid(getuid());
        home = user == NULL ? NULL : user->pw_dir;
    }
    return home != NULL && home[0] == '/' && home[1] != 0 && form(path, room, "%s", home);
}

static int cache_folder(char *path, size_t room)
{
    char home[PATH_LENGTH];
#ifdef __APPLE__
    return home_folder(home, sizeof home) && form(path, room, "%s/Library/Caches", home);
#else
    const char *given = getenv("XDG_CACHE_HOME");
    if (given != NULL && given[0] == '/')
        return form(path, room, "%s", given);
    return home_folder(home, sizeof home) && form(path, room, "%s/.cache", home);
#endif
}

static int temporary_folder(char *path, size_t room)
{
    const char *given = getenv("TMPDIR");
    if (given == NULL || given[0] != '/')
        given = "/tmp";
    return form(path, room, "%s/alya-mcp-binary-%ld", given, (long)geteuid());
}

static void own_path(char *path, size_t room)
{
#ifdef __APPLE__
    char raw[PATH_LENGTH], resolved[PATH_LENGTH];
    uint32_t length = sizeof raw;
    if (_NSGetExecutablePath(raw, &length) != 0 || realpath(raw, resolved) == NULL)
        resolved[0] = 0;
    form(path, room, "%s", resolved);
#else
    ssize_t length = readlink("/proc/self/exe", path, room - 1);
    path[length < 0 ? 0 : length] = 0;
#endif
}

/* Become the program in `target`, which keeps the shared lock on its folder for as long as it runs. */
static int run(const char *target, int count, char **words)
{
    char path[PATH_LENGTH], own[PATH_LENGTH];
    (void)count;
    form(path, sizeof path, "%s/" LOCK_NAME, target);
    int lock = open(path, O_RDONLY);
    if (lock >= 0)
        flock(lock, LOCK_SH);
    own_path(own, sizeof own);
    setenv(OWN_PATH_VARIABLE, own, 1);
    form(path, sizeof path, "%s/alya-mcp", target);
    execv(path, words);
    fprintf(stderr, "alya-mcp: %s can't be started: %s\n", path, strerror(errno));
    return 1;
}
