/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A load option is attributes, the length of its device paths, a title, the paths, and data for the
 * loader. A device path is a list of nodes; of all their kinds only two matter here: the partition
 * and the file on it. Firmware stores junk under these names, so nothing is taken on trust, and an
 * option that is not whole is none. Making one is libefiboot's. */

#include "core/load-option.h"

#include "common/string-util.h"

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
                guid_format(node + 24, o->partuuid);
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

int load_option_parse(const uint8_t *data, size_t size, LoadOption *ret) {
        _cleanup_(load_option_done) LoadOption o = {};
        size_t n, paths_size;
        int r;

        assert(ret);

        if (size < TITLE_OFFSET)
                return -EBADMSG;
        o.active = efi_u32(data) & LOAD_OPTION_ACTIVE;
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

bool load_option_activate(uint8_t *data, size_t size) {
        if (size < TITLE_OFFSET || data[0] & LOAD_OPTION_ACTIVE)
                return false;
        data[0] |= LOAD_OPTION_ACTIVE;
        return true;
}

bool loader_path_is(const char *path, const char *directory, const char *name) {
        const char *slash = strrchr(path, '\\'), *file = slash ? slash + 1 : path;
        size_t n = strlen(file), parent = (size_t) (file - path);

        if (directory && (strlen(directory) != parent || strncasecmp(path, directory, parent) != 0))
                return false;
        return n >= strlen(".efi") && strcasecmp(file + n - strlen(".efi"), ".efi") == 0 &&
               strncasecmp(file, name, strlen(name)) == 0;
}

bool load_option_is_ours(const LoadOption *o) {
        return loader_path_is(o->path, "\\EFI\\systemd\\", "systemd-boot") ||
               loader_path_is(o->path, "\\EFI\\proxmox\\", "shim") ||
               loader_path_is(o->path, "\\EFI\\proxmox\\", "grub");
}

bool load_option_starts(const LoadOption *o, const char *partuuid, const char *path) {
        return strcasecmp(o->partuuid, partuuid) == 0 && strcasecmp(o->path, path) == 0;
}
