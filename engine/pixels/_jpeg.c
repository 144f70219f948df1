/* The hot loop of jpeg_scan, once more in C: the same bits for the same input, two orders of magnitude sooner.

   Optional: without a compiler at the time of installation jpeg_scan does it by itself. Every read is checked against the
   length of the data, every write against the room there is. The GIL is released, so that frames are worked on at once. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define WINDOWS 65536
#define QUICK 12
#define TABLES 5
#define MOST_COMPONENTS 4
#define MOST_CATEGORIES 17
#define BEHIND 272 /* bytes that a block can be read behind the end of the data before that is noticed */
#define TRUNCATED (-1)
#define NO_CODE (-2)
#define RESTARTS (-3)
#define NO_MEMORY (-4)

typedef struct {
    const int16_t *whole; /* as huffman.short_blocks gives it */
    const uint16_t *dc, *quick, *single; /* as huffman.dc_windows, ac_quick, and the second of ac_windows give them */
    const int64_t *codes;              /* for each category of difference: code, length; then those of end of block */
    int64_t black;
} Component;

typedef struct {
    const Component *components;
    const uint8_t *per_mcu, *blanked;
    Py_ssize_t blocks, mcus, interval;
    int anew;
    int hasty; /* what is behind the last blanked block is copied as it is, if it ends as it should */
} Scan;

typedef struct {
    uint8_t *bytes;
    size_t length, room;
    uint64_t held; /* bits that fill no byte yet, in the low end: less than 8 between calls */
    int bits;
} Target;

/* Room for some bytes, if every one of them is followed by a stuffed one. */
static int reserve(Target *to, size_t bytes) {
    if (to->room - to->length >= 2 * bytes)
        return 0;
    size_t room = to->room + to->room / 2 + 2 * bytes + 1024;
    uint8_t *grown = realloc(to->bytes, room);
    if (grown == NULL)
        return NO_MEMORY;
    to->bytes = grown;
    to->room = room;
    return 0;
}

/* 7 bytes or less, in the low end of `bytes`; there must be room for them, and for 8. */
static inline void put_bytes(Target *to, uint64_t bytes, int count) {
    uint64_t at_top = bytes << (64 - 8 * count), other = ~at_top;
    int stuffed = ((other - UINT64_C(0x0101010101010101)) & at_top & UINT64_C(0x8080808080808080)) != 0;
    if (!stuffed) {
        for (int n = 0; n < 8; n++) /* one store; what is behind `count` is written over by the next */
            to->bytes[to->length + (size_t)n] = (uint8_t)(at_top >> (56 - 8 * n));
        to->length += (size_t)count;
        return;
    }
    for (int n = count - 1; n >= 0; n--) {
        uint8_t byte = (uint8_t)(bytes >> (8 * n));
        to->bytes[to->length++] = byte;
        if (byte == 0xFF)
            to->bytes[to->length++] = 0; /* T.81 B.1.1.5 */
    }
}

/* At most 48 bits, for which there must be room. */
static inline void put(Target *to, uint64_t value, int count) {
    to->held = to->held << count | (value & ((UINT64_C(1) << count) - 1));
    to->bits += count;
    int whole = to->bits >> 3;
    to->bits &= 7;
    if (whole)
        put_bytes(to, to->held >> to->bits & ((UINT64_C(1) << (8 * whole)) - 1), whole);
}

/* The bits from `at` on, 57 of them at least. */
static inline uint64_t peek(const uint8_t *data, int64_t at) {
    const uint8_t *byte = data + (at >> 3);
    uint64_t word = (uint64_t)byte[0] << 56 | (uint64_t)byte[1] << 48 | (uint64_t)byte[2] << 40 |
                    (uint64_t)byte[3] << 32 | (uint64_t)byte[4] << 24 | (uint64_t)byte[5] << 16 |
                    (uint64_t)byte[6] << 8 | byte[7];
    return word << (at & 7);
}

static int copy(Target *to, const uint8_t *data, int64_t from, int64_t until) {
    if (from >= until)
        return 0;
    int wrong = reserve(to, (size_t)(until - from) / 8 + 16);
    if (wrong)
        return wrong;
    const uint64_t kept = (UINT64_C(1) << to->bits) - 1;
    for (; until - from >= 56; from += 56) { /* as `put` does, for 7 bytes at once: as many bits stay as were held */
        uint64_t bits = peek(data, from) >> 8;
        put_bytes(to, (to->held & kept) << (56 - to->bits) | bits >> to->bits, 7);
        to->held = bits;
    }
    for (int count; from < until; from += count) {
        count = until - from < 48 ? (int)(until - from) : 48;
        put(to, peek(data, from) >> (64 - count), count);
    }
    return 0;
}

static int put_difference(Target *to, const Component *which, int64_t difference) {
    uint64_t size = (uint64_t)(difference < 0 ? -difference : difference);
    int category = 0, wrong = reserve(to, 16);
    while (category < MOST_CATEGORIES && size >> category)
        category++;
    if (wrong)
        return wrong;
    if (category >= MOST_CATEGORIES || which->codes[2 * category + 1] == 0)
        return NO_CODE;
    put(to, (uint64_t)which->codes[2 * category], (int)which->codes[2 * category + 1]);
    if (category)
        put(to, (uint64_t)(difference >= 0 ? difference : difference + (INT64_C(1) << category) - 1), category);
    return 0;
}

static int put_end_of_block(Target *to, const Component *which) {
    const int64_t *code = which->codes + 2 * MOST_CATEGORIES;
    int wrong = reserve(to, 16);
    if (!wrong)
        put(to, (uint64_t)code[0], (int)code[1]);
    return wrong;
}

/* Where the block ends whose AC coefficients begin at `at`; TRUNCATED if it does not. `word` has the bits from there on,
   and of them enough for so many quick steps, which are 15 bits at most. */
static inline int64_t end_of_block(const Component *which, const uint8_t *data, int64_t at, uint64_t word, int quick) {
    unsigned place = 1;
    for (;;) {
        while (quick--) {
            unsigned step = which->quick[word >> (64 - QUICK)], reached = place + (step >> 8);
            if (reached < 64) {
                place = reached;
                at += step & 0xFF;
                word <<= step & 0xFF;
                continue;
            }
            if (reached == 64 || (reached >= 128 && reached < 128 + 64))
                return at + (step & 0xFF);
            /* A code or its bits are longer, or the block may end inside the window: one symbol. */
            step = which->single[peek(data, at) >> 48];
            reached = place + (step >> 7);
            if (!step || reached > 64)
                return TRUNCATED;
            at += step & 63;
            if (step & 64 || reached == 64)
                return at;
            place = reached;
            break;
        }
        word = peek(data, at);
        quick = 4;
    }
}

/* Where the last block ends if its last code is the end of a block, with nothing behind it but less than a byte of ones
   (T.81 F.1.2.3); -1 if it does not look like that, or where it was read to is behind that. No more than a look: what
   was written is proven to end with its last block. */
static int64_t regular_end(const uint8_t *data, int64_t end, int64_t at, const Component *last) {
    int64_t code = last->codes[2 * MOST_CATEGORIES], length = last->codes[2 * MOST_CATEGORIES + 1];
    for (int padding = 0; padding < 8 && end - length >= at; padding++, end--) {
        if ((int64_t)(peek(data, end - length) >> (64 - length)) == code)
            return end;
        if (!(data[(end - 1) >> 3] >> (7 - ((end - 1) & 7)) & 1))
            break;
    }
    return -1;
}

/* See jpeg_scan._interval, line by line. `data` has `end` bits, and BEHIND bytes of ones behind them. */
static int interval(Target *to, const uint8_t *data, int64_t end, const Scan *scan, Py_ssize_t first, Py_ssize_t last) {
    int64_t there[MOST_COMPONENTS] = {0}, written[MOST_COMPONENTS] = {0};
    int64_t at = 0, copied = 0;
    int wrong = 0, apart = scan->anew;
    Py_ssize_t rest = last; /* the first MCU behind all that are blanked */
    while (scan->hasty && rest > first && !scan->blanked[rest - 1])
        rest--;
    for (Py_ssize_t mcu = first; mcu < last; mcu++) {
        if (mcu >= rest && !apart && rest < last) {
            int64_t until = regular_end(data, end, at, scan->components + scan->per_mcu[scan->blocks - 1]);
            rest = last; /* it is asked once */
            if (until >= 0) {
                at = until;
                break;
            }
        }
        int blank = scan->blanked[mcu];
        if (blank) {
            if ((wrong = copy(to, data, copied, at)))
                return wrong;
            if (!apart)
                memcpy(written, there, sizeof written);
            apart = 1;
        }
        for (Py_ssize_t n = 0; n < scan->blocks; n++) {
            int which = scan->per_mcu[n];
            const Component *component = scan->components + which;
            int64_t block = at, before = there[which];
            if (at > end)
                return TRUNCATED;
            uint64_t word = peek(data, at);
            int whole = component->whole[word >> (64 - QUICK)];
            if (whole) {
                at += whole & 31;
                there[which] = before + (whole >> 5);
            } else {
                unsigned step = component->dc[word >> 48];
                int size = (int)(step >> 8), taken = (int)(step & 0xFF) + size;
                if (!step)
                    return TRUNCATED;
                int64_t value = (int64_t)(word >> (64 - taken)) & ((INT64_C(1) << size) - 1);
                there[which] = before + (value < (INT64_C(1) << size) >> 1 ? value - (INT64_C(1) << size) + 1 : value);
                at = end_of_block(component, data, at + taken, word << taken, taken > 12 ? 0 : 3);
                if (at < 0)
                    return TRUNCATED;
            }
            if (!apart)
                continue;
            if (blank) {
                if ((wrong = put_difference(to, component, component->black - written[which])) ||
                    (wrong = put_end_of_block(to, component)))
                    return wrong;
                written[which] = component->black;
            } else {
                if (scan->anew || written[which] != before) {
                    if ((wrong = copy(to, data, copied, block)) ||
                        (wrong = put_difference(to, component, there[which] - written[which])))
                        return wrong;
                    unsigned step = component->dc[word >> 48];
                    copied = block + (int64_t)(step & 0xFF) + (step >> 8);
                }
                written[which] = there[which];
            }
        }
        if (at > end)
            return TRUNCATED;
        if (blank)
            copied = at;
        else
            apart = scan->anew;
    }
    if ((wrong = copy(to, data, copied, at)) || (wrong = reserve(to, 16)))
        return wrong;
    if (to->bits)
        put(to, 0xFF, 8 - to->bits); /* T.81 F.1.2.3 */
    return 0;
}

/* The stuffing is taken out of the data from `at` up to the next marker or the end; where that is. */
static const uint8_t *unstuff(const uint8_t *at, const uint8_t *end, uint8_t *plain, int64_t *bits) {
    uint8_t *to = plain;
    for (;;) {
        const uint8_t *mark = memchr(at, 0xFF, (size_t)(end - at));
        int stuffed = mark != NULL && end - mark > 1 && mark[1] == 0;
        const uint8_t *until = mark == NULL || (!stuffed && end - mark == 1) ? end : mark + stuffed;
        memcpy(to, at, (size_t)(until - at));
        to += until - at;
        at = until + stuffed;
        if (!stuffed)
            break;
    }
    *bits = 8 * (to - plain);
    memset(to, 0xFF, BEHIND);
    return at;
}

/* See jpeg_scan._intervals. */
static int all_intervals(Target *to, const uint8_t *data, Py_ssize_t length, const Scan *scan) {
    const uint8_t *at = data, *end = data + length;
    Py_ssize_t step = scan->interval ? scan->interval : scan->mcus;
    uint8_t *plain = malloc((size_t)length + BEHIND);
    int wrong = plain == NULL ? NO_MEMORY : reserve(to, (size_t)length / 2 + 64);
    for (Py_ssize_t first = 0, number = 0; !wrong && first < scan->mcus; first += step, number++) {
        int64_t bits;
        if (number) {
            if (end - at < 2 || at[1] != (0xD0 | ((number - 1) & 7))) {
                wrong = RESTARTS;
                break;
            }
            at += 2;
            if ((wrong = reserve(to, 16)))
                break;
            to->bytes[to->length++] = 0xFF;
            to->bytes[to->length++] = (uint8_t)(0xD0 | ((number - 1) & 7));
        }
        at = unstuff(at, end, plain, &bits);
        Py_ssize_t last = scan->mcus - first > step ? first + step : scan->mcus;
        wrong = interval(to, plain, bits, scan, first, last);
    }
    free(plain);
    return !wrong && at != end ? RESTARTS : wrong;
}

static int table_of(PyObject *item, Py_ssize_t bytes, Py_buffer *view) {
    if (PyObject_GetBuffer(item, view, PyBUF_C_CONTIGUOUS) < 0)
        return -1;
    if (view->len != bytes) {
        PyBuffer_Release(view);
        PyErr_SetString(PyExc_ValueError, "a table has the wrong length");
        return -1;
    }
    return 0;
}

static PyObject *blank_scan(PyObject *self, PyObject *args) {
    Py_buffer data, per_mcu, blanked, views[TABLES * MOST_COMPONENTS];
    PyObject *tables, *answer = NULL;
    Scan scan = {0};
    int held = 0;
    (void)self;
    if (!PyArg_ParseTuple(args, "y*O!y*y*npp", &data, &PyTuple_Type, &tables, &per_mcu, &blanked, &scan.interval,
                          &scan.anew, &scan.hasty))
        return NULL;
    Component components[MOST_COMPONENTS];
    Py_ssize_t count = PyTuple_GET_SIZE(tables);
    if (count < 1 || count > MOST_COMPONENTS || scan.interval < 0) {
        PyErr_SetString(PyExc_ValueError, "another number of components than there can be, or an impossible interval");
        goto done;
    }
    for (Py_ssize_t n = 0; n < count; n++) {
        static const Py_ssize_t lengths[TABLES] = {2 << QUICK, 2 * WINDOWS, 2 << QUICK, 2 * WINDOWS,
                                                   16 * (MOST_CATEGORIES + 1)};
        PyObject *parts[TABLES];
        long long black;
        if (!PyArg_ParseTuple(PyTuple_GET_ITEM(tables, n), "OOOOOL", parts, parts + 1, parts + 2, parts + 3,
                              parts + 4, &black))
            goto done;
        for (int part = 0; part < TABLES; part++) {
            if (table_of(parts[part], lengths[part], views + held) < 0)
                goto done;
            held++;
        }
        const Py_buffer *mine = views + held - TABLES;
        components[n] = (Component){mine[0].buf, mine[1].buf, mine[2].buf, mine[3].buf, mine[4].buf, black};
    }
    for (Py_ssize_t n = 0; n < per_mcu.len; n++)
        if (((const uint8_t *)per_mcu.buf)[n] >= count) {
            PyErr_SetString(PyExc_ValueError, "a block of no component");
            goto done;
        }
    scan.components = components;
    scan.per_mcu = per_mcu.buf;
    scan.blocks = per_mcu.len;
    scan.blanked = blanked.buf;
    scan.mcus = blanked.len;
    Target to = {NULL, 0, 0, 0, 0};
    int wrong;
    Py_BEGIN_ALLOW_THREADS
    wrong = all_intervals(&to, data.buf, data.len, &scan);
    Py_END_ALLOW_THREADS
    if (wrong == NO_MEMORY)
        PyErr_NoMemory();
    else
        answer = wrong ? PyLong_FromLong(wrong) : PyBytes_FromStringAndSize((const char *)to.bytes, (Py_ssize_t)to.length);
    free(to.bytes);
done:
    while (held)
        PyBuffer_Release(views + --held);
    PyBuffer_Release(&data);
    PyBuffer_Release(&per_mcu);
    PyBuffer_Release(&blanked);
    return answer;
}

static PyObject *next_marker(PyObject *self, PyObject *args) {
    Py_buffer data;
    Py_ssize_t at, found = -1;
    (void)self;
    if (!PyArg_ParseTuple(args, "y*n", &data, &at))
        return NULL;
    const uint8_t *start = data.buf, *end = start + data.len;
    const uint8_t *mark = at < 0 || at > data.len ? end : start + at;
    while ((mark = memchr(mark, 0xFF, (size_t)(end - mark))) != NULL && end - mark > 1) {
        if (mark[1] != 0 && (mark[1] & 0xF8) != 0xD0) {
            found = mark - start;
            break;
        }
        mark += 2;
    }
    PyBuffer_Release(&data);
    return PyLong_FromSsize_t(found);
}

static PyMethodDef methods[] = {
    {"next_marker", next_marker, METH_VARARGS,
     "next_marker(data, at): where the entropy-coded data from an offset on ends, at a marker that does not restart it;\n"
     "-1 if it does not."},
    {"blank_scan", blank_scan, METH_VARARGS,
     "The entropy-coded data of one scan with blocks blanked; or TRUNCATED, NO_CODE where a table has no code for a\n"
     "step to or from black, RESTARTS where its restart markers do not fit its size."},
    {NULL, NULL, 0, NULL}};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_jpeg", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__jpeg(void) {
    PyObject *made = PyModule_Create(&module);
    if (made != NULL && (PyModule_AddIntMacro(made, TRUNCATED) < 0 || PyModule_AddIntMacro(made, NO_CODE) < 0 ||
                         PyModule_AddIntMacro(made, RESTARTS) < 0)) {
        Py_DECREF(made);
        return NULL;
    }
    return made;
}
