/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A signature is at the end of what was compressed, so all of it is unpacked, and only the end
 * kept.
 *
 * Not by libkmod, although it knows signatures: of a signer it tells no more than the common name
 * of the issuer and the serial number, and nothing where the message names a key by its id; it
 * unpacks all into memory without a bound (3 GB, from a file of 430 KB); and what Debian's can
 * unpack is its builder's choice (no gzip). A host may be somebody else's tree below --root, so
 * that its files are as hostile as files can be: time and memory are bounded here. The libraries
 * are those that dpkg itself needs, so that no host lacks them. */

#include "blocking/secure-boot/module-signature.h"

#include <lzma.h>
#include <openssl/err.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#define DICTIONARY_LOG_MAX 26 /* as "xz -9" needs; modules of a kernel's build have 1 or 2 MiB */
#define XZ_MEMORY_MAX      ((UINT64_C(1) << DICTIONARY_LOG_MAX) + UINT64_C(4) * 1024 * 1024)
#define GZIP_WINDOW        (15 + 16) /* the largest window; a gzip header, no other */
#define INPUT_SIZE         (64 * 1024)
#define TAIL_MAX           (MODULE_SIGNATURE_MAX + MODULE_TRAILER_SIZE)
#define OUTPUT_SIZE        (4 * TAIL_MAX)

/* The bytes that a decoder takes, and the place for those that it makes. It moves both on. */
typedef struct Flow {
        const uint8_t *in;
        size_t n_in;
        bool is_last; /* nothing comes after @in */
        uint8_t *out;
        size_t n_out;
} Flow;

typedef struct Decoder {
        union {
                lzma_stream xz;
                ZSTD_DStream *zstd;
                z_stream gzip;
        };
        bool is_whole; /* of zstd and gzip: a frame or member has ended, another one may follow */
} Decoder;

/* Opening and each step: 0, or -errno as of module_read_signature(); a step: 1 at the end. A step
 * that has done nothing is told by the flow. */
typedef struct Method {
        int (*open)(Decoder *d);
        int (*step)(Decoder *d, Flow *flow);
        void (*close)(Decoder *d); /* also where opening has failed */
} Method;

static int xz_open(Decoder *d) {
        d->xz = (lzma_stream) LZMA_STREAM_INIT;
        return lzma_stream_decoder(&d->xz, XZ_MEMORY_MAX, LZMA_CONCATENATED) == LZMA_OK ? 0
                                                                                        : -ENOMEM;
}

static int xz_step(Decoder *d, Flow *flow) {
        lzma_ret r;

        d->xz.next_in = flow->in;
        d->xz.avail_in = flow->n_in;
        d->xz.next_out = flow->out;
        d->xz.avail_out = flow->n_out;
        r = lzma_code(&d->xz, flow->is_last ? LZMA_FINISH : LZMA_RUN);
        flow->in = d->xz.next_in;
        flow->n_in = d->xz.avail_in;
        flow->out = d->xz.next_out;
        flow->n_out = d->xz.avail_out;
        return r == LZMA_STREAM_END                  ? 1
               : r == LZMA_OK || r == LZMA_BUF_ERROR ? 0
               : r == LZMA_MEM_ERROR                 ? -ENOMEM
               : r == LZMA_MEMLIMIT_ERROR            ? -EFBIG
                                                     : -EILSEQ;
}

static void xz_close(Decoder *d) {
        lzma_end(&d->xz);
}

static int zstd_open(Decoder *d) {
        d->zstd = ZSTD_createDStream();
        if (!d->zstd ||
            ZSTD_isError(ZSTD_DCtx_setParameter(d->zstd, ZSTD_d_windowLogMax, DICTIONARY_LOG_MAX)))
                return -ENOMEM;
        return 0;
}

static int zstd_error(size_t r) {
        ZSTD_ErrorCode code = ZSTD_getErrorCode(r);

        return code == ZSTD_error_memory_allocation               ? -ENOMEM
               : code == ZSTD_error_frameParameter_windowTooLarge ? -EFBIG
                                                                  : -EILSEQ;
}

static int zstd_step(Decoder *d, Flow *flow) {
        ZSTD_inBuffer in = { .src = flow->in, .size = flow->n_in };
        ZSTD_outBuffer out = { .dst = flow->out, .size = flow->n_out };
        size_t r;

        if (flow->is_last && flow->n_in == 0 && d->is_whole)
                return 1;
        r = ZSTD_decompressStream(d->zstd, &out, &in);
        if (ZSTD_isError(r))
                return zstd_error(r);
        d->is_whole = r == 0;
        flow->in += in.pos;
        flow->n_in -= in.pos;
        flow->out += out.pos;
        flow->n_out -= out.pos;
        return 0;
}

static void zstd_close(Decoder *d) {
        (void) ZSTD_freeDStream(d->zstd);
}

static int gzip_open(Decoder *d) {
        return inflateInit2(&d->gzip, GZIP_WINDOW) == Z_OK ? 0 : -ENOMEM;
}

static int gzip_step(Decoder *d, Flow *flow) {
        int r;

        if (flow->is_last && flow->n_in == 0 && d->is_whole)
                return 1;
        d->gzip.next_in = (uint8_t *) flow->in; /* which is not written to */
        d->gzip.avail_in = (unsigned) flow->n_in;
        d->gzip.next_out = flow->out;
        d->gzip.avail_out = (unsigned) flow->n_out;
        r = inflate(&d->gzip, Z_NO_FLUSH);
        flow->in = d->gzip.next_in;
        flow->n_in = d->gzip.avail_in;
        flow->out = d->gzip.next_out;
        flow->n_out = d->gzip.avail_out;
        d->is_whole = r == Z_STREAM_END;
        if (d->is_whole)
                r = inflateReset(&d->gzip);
        return r == Z_OK || r == Z_BUF_ERROR ? 0 : r == Z_MEM_ERROR ? -ENOMEM : -EILSEQ;
}

static void gzip_close(Decoder *d) {
        (void) inflateEnd(&d->gzip);
}

static const Method methods[_MODULE_NAME_MAX] = {
        [MODULE_NAME_XZ] = { xz_open, xz_step, xz_close },
        [MODULE_NAME_ZSTD] = { zstd_open, zstd_step, zstd_close },
        [MODULE_NAME_GZIP] = { gzip_open, gzip_step, gzip_close },
};

/* All that is unpacked, of which no more than the end is kept. */
typedef struct Tail {
        uint8_t data[OUTPUT_SIZE];
        size_t size;
        uint64_t total; /* with what was thrown away */
} Tail;

typedef struct Unpacker {
        int fd;
        uint64_t offset;
        uint64_t *left;
        Flow flow;
        uint8_t input[INPUT_SIZE];
        Tail tail;
} Unpacker;

static int fill_input(Unpacker *u) {
        ssize_t n = pread(u->fd, u->input, sizeof(u->input), (off_t) u->offset);

        if (n < 0)
                return -errno;
        u->offset += (uint64_t) n;
        u->flow.in = u->input;
        u->flow.n_in = (size_t) n;
        u->flow.is_last = n == 0;
        return 0;
}

static void make_room(Tail *tail) {
        if (tail->size <= OUTPUT_SIZE / 2)
                return;
        memmove(tail->data, tail->data + tail->size - TAIL_MAX, TAIL_MAX);
        tail->size = TAIL_MAX;
}

/* Input counts as output does: what is packed badly takes as long as it is large. */
static int account(Unpacker *u, size_t n_read, size_t n_made) {
        uint64_t n = (uint64_t) n_read + n_made;

        u->tail.size += n_made;
        u->tail.total += n_made;
        if (n > *u->left || u->tail.total > MODULE_UNPACKED_MAX) {
                *u->left -= MIN(n, *u->left);
                return -EFBIG;
        }
        *u->left -= n;
        return 0;
}

/* 1 at the end. */
static int unpack_some(Unpacker *u, const Method *method, Decoder *d) {
        Flow *flow = &u->flow;
        size_t n_in, n_out;
        int r, q;

        if (flow->n_in == 0 && !flow->is_last) {
                r = fill_input(u);
                if (r < 0)
                        return r;
        }
        make_room(&u->tail);
        flow->out = u->tail.data + u->tail.size;
        n_in = flow->n_in;
        n_out = flow->n_out = sizeof(u->tail.data) - u->tail.size;
        r = method->step(d, flow);
        q = account(u, n_in - flow->n_in, n_out - flow->n_out);
        if (r != 0 || q < 0)
                return r != 0 ? r : q;
        /* It waits for more, which does not come. */
        return flow->is_last && n_in == flow->n_in && n_out == flow->n_out ? -EILSEQ : 0;
}

static int unpack(Unpacker *u, const Method *method) {
        Decoder d = {};
        int r;

        r = method->open(&d);
        while (r == 0)
                r = unpack_some(u, method, &d);
        method->close(&d);
        return MIN(r, 0);
}

static int parse(const uint8_t *data, size_t size, CMS_ContentInfo **ret) {
        _cleanup_(CMS_ContentInfo_freep) CMS_ContentInfo *signature =
                        d2i_CMS_ContentInfo(NULL, &data, (long) size);
        STACK_OF(CMS_SignerInfo) *signers = signature ? CMS_get0_SignerInfos(signature) : NULL;

        ERR_clear_error();
        if (!signers || sk_CMS_SignerInfo_num(signers) < 1)
                return -EBADMSG;
        *ret = TAKE_PTR(signature);
        return 1;
}

static int read_packed(int fd, const Method *method, uint64_t *left, CMS_ContentInfo **ret) {
        _cleanup_free_ Unpacker *u = malloc(sizeof(*u));
        uint64_t offset;
        size_t size;
        int r;

        if (!u)
                return -ENOMEM;
        u->fd = fd;
        u->offset = 0;
        u->left = left;
        u->flow = (Flow){};
        u->tail.size = 0;
        u->tail.total = 0;
        r = unpack(u, method);
        if (r < 0)
                return r;
        r = module_find_signature(u->tail.data, u->tail.size, u->tail.total, &offset, &size);
        if (r <= 0)
                return r;
        /* All that the parser takes is within the tail. */
        return parse(u->tail.data + (offset - (u->tail.total - u->tail.size)), size, ret);
}

static int read_all(int fd, void *data, size_t size, uint64_t offset) {
        ssize_t n = pread(fd, data, size, (off_t) offset);

        return n < 0 ? -errno : (size_t) n != size ? -EIO : 0;
}

/* Only the end is read. */
static int read_plain(int fd, CMS_ContentInfo **ret) {
        _cleanup_free_ uint8_t *data = NULL;
        uint8_t end[MODULE_TRAILER_SIZE];
        uint64_t file_size, offset;
        struct stat st;
        size_t size;
        int r;

        if (fstat(fd, &st) < 0)
                return -errno;
        file_size = (uint64_t) st.st_size;
        size = (size_t) MIN(file_size, (uint64_t) sizeof(end));
        r = read_all(fd, end, size, file_size - size);
        if (r < 0)
                return r;
        r = module_find_signature(end, size, file_size, &offset, &size);
        if (r <= 0)
                return r;
        data = malloc(size);
        if (!data)
                return -ENOMEM;
        r = read_all(fd, data, size, offset);
        return r < 0 ? r : parse(data, size, ret);
}

int module_read_signature(int fd, ModuleName kind, uint64_t *left, CMS_ContentInfo **ret) {
        return kind == MODULE_NAME_PLAIN ? read_plain(fd, ret)
                                         : read_packed(fd, &methods[kind], left, ret);
}
