/*
 * alya-mcp as one file: unpacks the frozen program beside its state once, and runs it from there.
 *
 * PyInstaller's own one-file mode unpacks at every start, into a temporary folder, which costs more than the
 * start itself and fails where only ALYA_HOME can be written. Here a start after the first reads nothing but
 * the name of a folder.
 *
 * build.py compiles this with PAYLOAD, the path of a tar archive packed by LZMA, and with PAYLOAD_DIGEST,
 * UNPACKED_SIZE and UNPACKED_CRC, which say what is in it. A folder is named after its digest, appears whole
 * or not at all, and is removed by a start of another version once no process runs from it.
 */

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lzma.h"
#include "platform.h"

#if defined(__APPLE__)
#define SECTION ".section __TEXT,__const\n"
#define SYMBOL(name) "_" name
#elif defined(_WIN32)
#define SECTION ".section .rdata,\"dr\"\n"
#define SYMBOL(name) name
#else
#define SECTION ".section .rodata\n"
#define SYMBOL(name) name
#endif

__asm__(SECTION
        ".globl " SYMBOL("payload") "\n" SYMBOL("payload") ":\n"
        ".incbin \"" PAYLOAD "\"\n"
        ".globl " SYMBOL("payload_end") "\n" SYMBOL("payload_end") ":\n"
        ".byte 0\n"
        ".text\n");

extern const uint8_t payload[];
extern const uint8_t payload_end[];

enum { BLOCK = 512, NAME_LENGTH = 100, PREFIX = 345, PREFIX_LENGTH = 155, LONGEST = 4096 };

static const char *problem = "";

static int fail(const char *what)
{
    problem = what;
    return 0;
}

static uint32_t crc_of(const uint8_t *data, size_t size)
{
    static uint32_t table[256];
    for (uint32_t n = 0; n < 256; n++) {
        uint32_t value = n;
        for (int k = 0; k < 8; k++)
            value = value & 1 ? 0xEDB88320u ^ (value >> 1) : value >> 1;
        table[n] = value;
    }
    uint32_t crc = 0xFFFFFFFFu;
    for (size_t n = 0; n < size; n++)
        crc = table[(crc ^ data[n]) & 0xFF] ^ (crc >> 8);
    return crc ^ 0xFFFFFFFFu;
}

static uint64_t octal(const uint8_t *text, int length)
{
    uint64_t value = 0;
    for (int n = 0; n < length && text[n] >= '0' && text[n] <= '7'; n++)
        value = value * 8 + (uint64_t)(text[n] - '0');
    return value;
}

/* The path of an entry of the archive below `folder`; 0 when it is too long. */
static int path_of(const uint8_t *header, const char *folder, char *path)
{
    char prefix[PREFIX_LENGTH + 1] = {0}, name[NAME_LENGTH + 1] = {0};
    memcpy(prefix, header + PREFIX, PREFIX_LENGTH);
    memcpy(name, header, NAME_LENGTH);
    return form(path, LONGEST, "%s/%s%s%s", folder, prefix, prefix[0] ? "/" : "", name);
}

/* Write the files of a ustar archive below `folder`. */
static int extract(const uint8_t *archive, size_t size, const char *folder)
{
    char path[LONGEST];
    for (size_t at = 0; at + BLOCK <= size && archive[at];) {
        const uint8_t *header = archive + at;
        uint64_t length = octal(header + 124, 12);
        if (length > size - at - BLOCK)
            return fail("the program in this file is cut short");
        int done = 0;
        errno = ENAMETOOLONG;
        if (!path_of(header, folder, path))
            done = 0;
        else if (header[156] == '5')
            done = make_folder(path);
        else if (header[156] == '2')
            done = make_link((const char *)header + 157, path);
        else
            done = write_file(path, header + BLOCK, (size_t)length, octal(header + 100, 8) & 0100);
        if (!done)
            return fail(strerror(errno));
        at += BLOCK + (size_t)((length + BLOCK - 1) / BLOCK * BLOCK);
    }
    return 1;
}

static int unpack(const char *folder)
{
    uint8_t *archive = malloc(UNPACKED_SIZE);
    if (archive == NULL)
        return fail("there is not enough memory to unpack it");
    size_t size = lzma_decode(payload, (size_t)(payload_end - payload), archive, UNPACKED_SIZE);
    int done = size == UNPACKED_SIZE && crc_of(archive, size) == UNPACKED_CRC;
    if (!done)
        fail("this file is damaged; download it again");
    done = done && extract(archive, size, folder);
    free(archive);
    return done;
}

/* Make the folder `place` and the program in it, unless it is there. */
static int prepare(const char *place)
{
    char target[LONGEST], fresh[LONGEST];
    if (!form(target, LONGEST, "%s/" PAYLOAD_DIGEST, place) ||
        !form(fresh, LONGEST, "%s/.new-%ld", place, own_number()))
        return fail(strerror(ENAMETOOLONG));
    if (is_there(target))
        return 1;
    if (!make_folders(place))
        return fail(strerror(errno));
    if (!is_private(place))
        return fail("the folder belongs to another user, or others can write into it");
    remove_tree(fresh);
    if (!make_folder(fresh))
        return fail(strerror(errno));
    if (on_terminal())
        fputs("alya-mcp: unpacking, this once\n", stderr);
    int done = unpack(fresh);
    if (done) {
        flush_disk(fresh);
        done = move(fresh, target) || is_there(target) || fail(strerror(errno));
    }
    remove_tree(fresh);
    if (done)
        remove_others(place, PAYLOAD_DIGEST);
    return done;
}

int main(int count, char **words)
{
    char place[LONGEST], target[LONGEST], tried[2 * LONGEST] = "";
    for (int n = 0; n < PLACES; n++) {
        if (!place_of(n, place, LONGEST))
            continue;
        if (prepare(place)) {
            form(target, LONGEST, "%s/" PAYLOAD_DIGEST, place);
            return run(target, count, words);
        }
        size_t length = strlen(tried);
        form(tried + length, sizeof tried - length, "\n  %s: %s", place, problem);
    }
    fprintf(stderr,
            "alya-mcp: the program can't be unpacked; set ALYA_HOME to a folder that can be written, "
            "with 100 MB free. Tried:%s\n",
            tried[0] ? tried : " nothing, there is no home folder");
    return 1;
}
