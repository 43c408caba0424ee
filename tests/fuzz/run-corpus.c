/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The fuzz targets without a fuzzer: every file of the directories given is run once, so that what
 * was found once is tested in every build, with every compiler. It mutates nothing and finds
 * nothing new. */

#include <dirent.h>
#include <sys/stat.h>

#include "tests/fuzz/fuzz.h"

static void run_file(const char *path) {
        _cleanup_free_ uint8_t *data = NULL;
        struct stat st;
        FILE *f;

        f = fopen(path, "re");
        FUZZ_ASSERT(f && fstat(fileno(f), &st) >= 0);
        /* Exactly as large as the file, so that a sanitizer sees a byte too many. */
        data = malloc(MAX(st.st_size, 1));
        FUZZ_ASSERT(data);
        FUZZ_ASSERT(fread(data, 1, (size_t) st.st_size, f) == (size_t) st.st_size);
        (void) fclose(f);

        printf("# %s\n", path);
        (void) fflush(stdout);
        (void) LLVMFuzzerTestOneInput(data, (size_t) st.st_size);
}

static unsigned run_directory(const char *path) {
        DIR *dir = opendir(path);
        struct dirent *entry;
        unsigned n = 0;

        FUZZ_ASSERT(dir);
        while ((entry = readdir(dir))) {
                _cleanup_free_ char *file = strprintf("%s/%s", path, entry->d_name);

                FUZZ_ASSERT(file);
                if (entry->d_name[0] == '.')
                        continue;
                run_file(file);
                n++;
        }
        (void) closedir(dir);
        return n;
}

int main(int argc, char **argv) {
        unsigned n = 0;

        (void) LLVMFuzzerTestOneInput((const uint8_t *) "", 0);
        for (int i = 1; i < argc; i++)
                n += run_directory(argv[i]);
        if (n == 0) {
                fprintf(stderr, "Usage: %s CORPUS_DIRECTORY...; it must hold a file.\n", argv[0]);
                return EXIT_FAILURE;
        }
        return EXIT_SUCCESS;
}
