/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A load option is attributes, the length of its device paths, a title, the paths, and data for the
 * loader. A device path is a list of nodes; of all their kinds only two matter here: the partition
 * and the file on it. Firmware stores junk under these names, so nothing is taken on trust, and an
 * option that is not whole is none. Making one is libefiboot's.
 *
 * Firmware writes the text in its variables as it likes: without an end, of odd size, in broken
 * UTF-16. All of it reads as something, since a name that looks wrong tells an administrator more
 * than none. */

#include "core/firmware/load-option.h"

#include "common/string-util.h"

#define REPLACEMENT_CHARACTER 0xfffd

static bool is_high_surrogate(uint32_t c) {
        return c >= 0xd800 && c <= 0xdbff;
}

static bool is_low_surrogate(uint32_t c) {
        return c >= 0xdc00 && c <= 0xdfff;
}

static void append_utf8(Buffer *b, uint32_t c) {
        char bytes[4];
        size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        static const uint8_t lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };

        for (size_t i = n - 1; i > 0; i--) {
                bytes[i] = (char) (0x80 | (c & 0x3f));
                c >>= 6;
        }
        bytes[0] = (char) (lead[n] | c);
        buffer_append(b, bytes, n);
}

int efi_text_decode(const uint8_t *data, size_t size, size_t max, char **ret) {
        _cleanup_(buffer_done) Buffer b = {};
        char *text;

        assert(ret);

        for (size_t i = 0; i + 2 <= size; i += 2) {
                uint32_t c = efi_u16(data + i), next = i + 4 <= size ? efi_u16(data + i + 2) : 0;

                if (c == 0)
                        break;
                if (is_high_surrogate(c) && is_low_surrogate(next)) {
                        c = 0x10000 + ((c - 0xd800) << 10) + (next - 0xdc00);
                        i += 2;
                } else if (is_high_surrogate(c) || is_low_surrogate(c))
                        c = REPLACEMENT_CHARACTER;
                append_utf8(&b, c);
        }
        if (b.failed)
                return -ENOMEM;
        text = string_for_humans(strempty(b.data), b.size, max);
        if (!text)
                return -ENOMEM;
        *ret = text;
        return 0;
}

int efi_text_encode(const char *s, uint8_t **ret, size_t *ret_size) {
        size_t n = strlen(s);
        uint8_t *data;

        assert(ret);
        assert(ret_size);

        for (size_t i = 0; i < n; i++)
                if (s[i] < ' ' || s[i] > '~')
                        return -EINVAL;
        data = calloc(n + 1, 2);
        if (!data)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                data[2 * i] = (uint8_t) s[i];
        *ret = data;
        *ret_size = 2 * (n + 1);
        return 0;
}

#define GUID_SIZE 16 /* as the firmware stores it */

/* Which byte each pair of digits is, in the order of the text. */
static const uint8_t guid_order[GUID_SIZE] = {
        3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15
};

static bool dash_before(size_t pair) {
        return pair == 4 || pair == 6 || pair == 8 || pair == 10;
}

/* A GUID's first three fields are little-endian (RFC 9562 calls that Microsoft's). */
void efi_guid_format(const uint8_t guid[static GUID_SIZE], char ret[static GUID_TEXT_SIZE]) {
        static const char digits[] = "0123456789abcdef";
        char *p = ret;

        for (size_t i = 0; i < GUID_SIZE; i++) {
                uint8_t byte = guid[guid_order[i]];

                if (dash_before(i))
                        *p++ = '-';
                *p++ = digits[byte >> 4];
                *p++ = digits[byte & 15];
        }
        *p = '\0';
}

#define TITLE_OFFSET 6 /* after the attributes and the length of the paths */

#define NODE_HEADER 4 /* type, subtype, length with the header */
#define NODE_MEDIA  0x04
#define NODE_END    0x7f
/* Subtypes. */
#define MEDIA_HD   0x01
#define MEDIA_FILE 0x04

#define HD_SIZE           42
#define HD_SIGNATURE_GUID 2

void load_option_done(LoadOption *o) {
        free(o->title);
        free(o->path);
        free(o->hex);
        *o = (LoadOption){};
}

int load_option_number(const char *name) {
        static const char digits[] = "0123456789ABCDEF";
        const char *p = startswith(name, "Boot");
        int number = 0;

        if (!p || strlen(p) != 4)
                return -EINVAL;
        for (; *p; p++) {
                const char *digit = strchr(digits, *p);

                if (!digit)
                        return -EINVAL;
                number = number << 4 | (int) (digit - digits);
        }
        return number;
}

/* The title's size with its NUL. */
static int title_size(const uint8_t *data, size_t size, size_t *ret) {
        for (size_t i = 0; i + 2 <= size; i += 2)
                if (efi_u16(data + i) == 0) {
                        *ret = i + 2;
                        return 0;
                }
        return -EBADMSG;
}

/* Add a file's name to @path: with one backslash between them, wherever the firmware put it. */
static int append_file(Buffer *path, const uint8_t *data, size_t size) {
        _cleanup_free_ char *name = NULL;
        const char *p;
        int r;

        r = efi_text_decode(data, size, LOAD_OPTION_PATH_MAX, &name);
        if (r < 0)
                return r;
        for (char *c = name; *c; c++)
                if (*c == '/')
                        *c = '\\';
        p = name + strspn(name, "\\");
        if (*p) {
                while (path->size > 0 && path->data[path->size - 1] == '\\')
                        path->size--;
                buffer_puts(path, "\\");
                buffer_puts(path, p);
        }
        return 0;
}

/* Take what the node says; its size includes the header. */
static int take_node(LoadOption *o, Buffer *path, const uint8_t *node, size_t size) {
        if (node[0] != NODE_MEDIA)
                return 0;
        if (node[1] == MEDIA_FILE)
                return append_file(path, node + NODE_HEADER, size - NODE_HEADER);
        if (node[1] == MEDIA_HD && size >= HD_SIZE && node[41] == HD_SIGNATURE_GUID)
                efi_guid_format(node + 24, o->partuuid);
        return 0;
}

/* The nodes up to the end of the first path. What follows is for firmware only. */
static int take_nodes(LoadOption *o, const uint8_t *data, size_t size) {
        _cleanup_(buffer_done) Buffer path = {};
        size_t n;

        for (size_t pos = 0;; pos += n) {
                int r;

                if (size - pos < NODE_HEADER)
                        return -EBADMSG;
                n = efi_u16(data + pos + 2);
                if (n < NODE_HEADER || n > size - pos)
                        return -EBADMSG;
                if (data[pos] == NODE_END)
                        break;
                r = take_node(o, &path, data + pos, n);
                if (r < 0)
                        return r;
        }
        if (path.failed)
                return -ENOMEM;
        o->path = string_for_humans(strempty(path.data), path.size, LOAD_OPTION_PATH_MAX);
        return o->path ? 0 : -ENOMEM;
}

/* NULL when out of memory. */
static char *hex_of(const uint8_t *data, size_t size) {
        static const char digits[] = "0123456789abcdef";
        char *hex = malloc(2 * size + 1);

        if (!hex)
                return NULL;
        for (size_t i = 0; i < size; i++) {
                hex[2 * i] = digits[data[i] >> 4];
                hex[2 * i + 1] = digits[data[i] & 15];
        }
        hex[2 * size] = '\0';
        return hex;
}

int efi_hex_decode(const char *hex, uint8_t **ret, size_t *ret_size) {
        static const char digits[] = "0123456789abcdef";
        const size_t n = strlen(hex);
        uint8_t *data;

        if (n % 2 != 0 || n > 2 * LOAD_OPTION_SIZE_MAX || strspn(hex, digits) != n)
                return -EBADMSG;
        data = malloc(MAX(n / 2, (size_t) 1));
        if (!data)
                return -ENOMEM;
        for (size_t i = 0; i < n / 2; i++)
                data[i] = (uint8_t) ((strchr(digits, hex[2 * i]) - digits) << 4 |
                                     (strchr(digits, hex[2 * i + 1]) - digits));
        *ret = data;
        *ret_size = n / 2;
        return 0;
}

static int parse_option(const uint8_t *data, size_t size, LoadOption *ret) {
        _cleanup_(load_option_done) LoadOption o = {};
        size_t n, paths_size;
        int r;

        if (size < TITLE_OFFSET)
                return -EBADMSG;
        o.active = data[0] & LOAD_OPTION_ACTIVE;
        paths_size = efi_u16(data + 4);
        data += TITLE_OFFSET;
        size -= TITLE_OFFSET;

        r = title_size(data, size, &n);
        if (r < 0)
                return r;
        if (paths_size > size - n)
                return -EBADMSG;
        r = efi_text_decode(data, n, LOAD_OPTION_TITLE_MAX, &o.title);
        if (r < 0)
                return r;
        r = take_nodes(&o, data + n, paths_size);
        if (r < 0)
                return r;

        *ret = TAKE_STRUCT(o);
        return 0;
}

int load_option_parse(const uint8_t *data, size_t size, LoadOption *ret) {
        _cleanup_(load_option_done) LoadOption o = {};
        int r;

        assert(ret);

        r = parse_option(data, size, &o);
        if (r < 0)
                return r;
        if (load_option_is_ours(&o) && size <= LOAD_OPTION_SIZE_MAX) {
                o.hex = hex_of(data, size);
                if (!o.hex)
                        return -ENOMEM;
        }
        *ret = TAKE_STRUCT(o);
        return 0;
}

int load_option_parse_hex(const char *hex, LoadOption *ret) {
        _cleanup_(load_option_done) LoadOption o = {};
        _cleanup_free_ uint8_t *data = NULL;
        size_t size;
        int r;

        r = efi_hex_decode(hex, &data, &size);
        if (r >= 0)
                r = load_option_parse(data, size, &o);
        if (r < 0)
                return r;
        if (!o.hex)
                return -EBADMSG;
        *ret = TAKE_STRUCT(o);
        return 0;
}

int load_option_copy(const LoadOption *o, LoadOption *ret) {
        _cleanup_(load_option_done) LoadOption copy = *o;

        copy.title = strdup(o->title);
        copy.path = strdup(o->path);
        copy.hex = o->hex ? strdup(o->hex) : NULL;
        if (!copy.title || !copy.path || (o->hex && !copy.hex))
                return -ENOMEM;
        *ret = TAKE_STRUCT(copy);
        return 0;
}

bool load_option_activate(uint8_t *data, size_t size) {
        if (size < TITLE_OFFSET || data[0] & LOAD_OPTION_ACTIVE)
                return false;
        data[0] |= LOAD_OPTION_ACTIVE;
        return true;
}

/* True if @path is a file in @directory whose name begins with @name and ends in ".efi", all of any
 * case. */
static bool loader_path_is(const char *path, const char *directory, const char *name) {
        const char *slash = strrchr(path, '\\'), *file = slash ? slash + 1 : path;
        size_t n = strlen(file), parent = (size_t) (file - path);

        if (strlen(directory) != parent || strncasecmp(path, directory, parent) != 0)
                return false;
        return n >= strlen(".efi") && strcasecmp(file + n - strlen(".efi"), ".efi") == 0 &&
               strncasecmp(file, name, strlen(name)) == 0;
}

bool load_option_is_ours(const LoadOption *o) {
        return loader_path_is(o->path, "\\EFI\\systemd\\", "systemd-boot") ||
               loader_path_is(o->path, "\\EFI\\proxmox\\", "shim") ||
               loader_path_is(o->path, "\\EFI\\proxmox\\", "grub");
}
