/* Windows 10 and later, whose paths may use a slash. */

#include <errno.h>
#include <fcntl.h>
#include <io.h>
#include <process.h>
#include <wchar.h>
#include <windows.h>

#define isatty _isatty

static const wchar_t *wide(const char *text)
{
    static wchar_t buffers[2][PATH_LENGTH];
    static int turn;
    wchar_t *buffer = buffers[turn = !turn];
    if (!MultiByteToWideChar(CP_UTF8, 0, text, -1, buffer, PATH_LENGTH))
        buffer[0] = 0;
    return buffer;
}

static int narrow(const wchar_t *text, char *out, size_t room)
{
    return WideCharToMultiByte(CP_UTF8, 0, text, -1, out, (int)room, NULL, NULL) > 0;
}

static const char *getenv_utf8(const char *name)
{
    static char value[PATH_LENGTH];
    const wchar_t *found = _wgetenv(wide(name));
    return found != NULL && narrow(found, value, sizeof value) ? value : NULL;
}

static int is_absolute(const char *path)
{
    return (path[0] && path[1] == ':') || ((path[0] == '\\' || path[0] == '/') && path[1] == path[0]);
}

static int is_there(const char *path) { return GetFileAttributesW(wide(path)) != INVALID_FILE_ATTRIBUTES; }

static int make_folder(const char *path) { return _wmkdir(wide(path)) == 0; }

static int make_link(const char *to, const char *path)
{
    (void)to, (void)path;
    errno = ENOSYS; /* build.py makes none here */
    return 0;
}

static int move(const char *from, const char *to)
{
    if (MoveFileW(wide(from), wide(to)))
        return 1;
    errno = EACCES;
    return 0;
}

static long own_number(void) { return (long)_getpid(); }

static int on_terminal(void) { return isatty(2); }

/* The folders it is asked of are the user's own, and take their access rights from there. */
static int is_private(const char *path) { return is_there(path); }

static int write_file(const char *path, const uint8_t *data, size_t size, int executable)
{
    (void)executable;
    FILE *file = _wfopen(wide(path), L"wbx");
    if (file == NULL)
        return 0;
    int whole = fwrite(data, 1, size, file) == size;
    return fclose(file) == 0 && whole;
}

static void flush_disk(const char *path) { (void)path; }

static int remove_tree(const char *path)
{
    DWORD kind = GetFileAttributesW(wide(path));
    if (kind == INVALID_FILE_ATTRIBUTES)
        return 0;
    if (!(kind & FILE_ATTRIBUTE_DIRECTORY))
        return DeleteFileW(wide(path)) != 0;
    char inner[PATH_LENGTH], name[PATH_LENGTH];
    form(inner, sizeof inner, "%s/*", path);
    WIN32_FIND_DATAW found;
    HANDLE search = FindFirstFileW(wide(inner), &found);
    if (search != INVALID_HANDLE_VALUE) {
        do {
            if (wcscmp(found.cFileName, L".") == 0 || wcscmp(found.cFileName, L"..") == 0)
                continue;
            if (narrow(found.cFileName, name, sizeof name) &&
                form(inner, sizeof inner, "%s/%s", path, name))
                remove_tree(inner);
        } while (FindNextFileW(search, &found));
        FindClose(search);
    }
    return RemoveDirectoryW(wide(path)) != 0;
}

/* Remove other programs in `place`: a folder with a running program in it can't be renamed, and stays. */
static void remove_others(const char *place, const char *own)
{
    char path[PATH_LENGTH], gone[PATH_LENGTH], name[PATH_LENGTH];
    form(path, sizeof path, "%s/*", place);
    WIN32_FIND_DATAW found;
    HANDLE search = FindFirstFileW(wide(path), &found);
    if (search == INVALID_HANDLE_VALUE)
        return;
    do {
        if (!narrow(found.cFileName, name, sizeof name) || strcmp(name, own) == 0 ||
            strlen(name) != strlen(own) || strspn(name, "0123456789abcdef") != strlen(own))
            continue;
        form(path, sizeof path, "%s/%s", place, name);
        form(gone, sizeof gone, "%s/.old-%s", place, name);
        if (move(path, gone))
            remove_tree(gone);
    } while (FindNextFileW(search, &found));
    FindClose(search);
}

static int home_folder(char *path, size_t room)
{
    const char *home = getenv_utf8("USERPROFILE");
    return home != NULL && form(path, room, "%s", home);
}

static int cache_folder(char *path, size_t room)
{
    const char *local = getenv_utf8("LOCALAPPDATA");
    return local != NULL && form(path, room, "%s", local);
}

static int temporary_folder(char *path, size_t room)
{
    const char *given = getenv_utf8("TEMP");
    return given != NULL && form(path, room, "%s/alya-mcp-binary", given);
}

/* Run the program in `target` on this process's handles, and end as it ends. */
static int run(const char *target, int count, char **words)
{
    (void)count, (void)words;
    static wchar_t own[PATH_LENGTH], program[PATH_LENGTH];
    char path[PATH_LENGTH];
    GetModuleFileNameW(NULL, own, PATH_LENGTH);
    SetEnvironmentVariableW(L"" OWN_PATH_VARIABLE, own);
    form(path, sizeof path, "%s/alya-mcp.exe", target);
    for (char *at = path; *at; at++)
        *at = *at == '/' ? '\\' : *at;
    wcscpy(program, wide(path));
    STARTUPINFOW start = {.cb = sizeof start};
    PROCESS_INFORMATION child;
    /* The command line as it was given: its first word is the program's name in any case. */
    if (!CreateProcessW(program, GetCommandLineW(), NULL, NULL, TRUE, 0, NULL, NULL, &start, &child)) {
        fprintf(stderr, "alya-mcp: %s can't be started (error %lu)\n", path, GetLastError());
        return 1;
    }
    SetConsoleCtrlHandler(NULL, TRUE); /* Ctrl-C is the program's, which decides how it ends */
    WaitForSingleObject(child.hProcess, INFINITE);
    DWORD status = 1;
    GetExitCodeProcess(child.hProcess, &status);
    return (int)status;
}
