/* Reads JPEG-LS without loss (ITU-T T.87), to prove with it what CharLS has written: no line of it is from there.

   Optional, as _jpeg.c. It reads less than the standard has, and says NOT_READ to the rest: no near-lossless streams, no
   restart intervals, no mapping tables, no point transform, no colour transform. Every read is checked against the length
   of the data; the size comes from the caller, and a stream that says another is refused. The GIL is released. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define DAMAGED (-1)
#define NOT_READ (-2)
#define NO_MEMORY (-3)

#define MOST_SAMPLES 3
#define CONTEXTS 365       /* T.87 A.3.5, of regular mode; two more are for where a run ends */
#define LEAST_C (-128)
#define MOST_C 127
#define ORDERS 32
#define MOST_RESET 255 /* what C.2.4.1.1 allows everywhere; with it no sum leaves 32 bits */

static const uint8_t ORDER[ORDERS] = {0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3,  3,  3,
                                      4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15}; /* J of A.2.1 */

typedef struct {
    int32_t a, b, c, n;
} Context;

typedef struct {
    const uint8_t *at, *end;
    uint64_t held; /* its low `bits` bits were read and not used yet */
    int bits;
    int stuffed; /* the last byte was FF, so that the next one has 7 bits (T.87 A.1); 8 would make it a marker */
    int ran_out;
} Source;

typedef struct {
    int32_t most, t1, t2, t3, reset; /* T.87 C.2.4.1.1 */
    int32_t range, wide, limit;      /* RANGE, qbpp and LIMIT of A.2.1 */
    Context contexts[CONTEXTS + 2];
    int32_t below[2]; /* Nn of A.7.2 */
    Source from;
} Scan;

static void fill(Source *from) {
    while (from->bits <= 48) {
        if (from->at >= from->end || (*from->at == 0xFF && (from->end - from->at < 2 || from->at[1] >= 0x80)))
            return; /* nothing more, or a marker */
        int wide = from->stuffed ? 7 : 8;
        from->held = from->held << wide | *from->at;
        from->bits += wide;
        from->stuffed = *from->at++ == 0xFF;
    }
}

static uint32_t take(Source *from, int count) {
    if (from->bits < count) {
        fill(from);
        if (from->bits < count) {
            from->ran_out = 1;
            return 0;
        }
    }
    from->bits -= count;
    return (uint32_t)(from->held >> from->bits) & (uint32_t)((UINT64_C(1) << count) - 1);
}

/* How many zeros stand before the next one, which is taken as well; more than `most` are none. */
static int zeros_of(Source *from, int most) {
    int zeros = 0;
    for (;;) {
        if (from->bits < 8)
            fill(from);
        if (from->bits == 0 || zeros > most) {
            from->ran_out = 1;
            return 0;
        }
        uint64_t ahead = from->held << (64 - from->bits);
        if (ahead) {
            int more = __builtin_clzll(ahead);
            from->bits -= more + 1;
            return zeros + more;
        }
        zeros += from->bits;
        from->bits = 0;
    }
}

/* A.5.3: a limited Golomb code. */
static int32_t golomb(Scan *scan, int k, int limit) {
    int zeros = zeros_of(&scan->from, limit);
    int32_t coded = zeros < limit - scan->wide - 1 ? (int32_t)((uint32_t)zeros << k | take(&scan->from, k))
                                                   : (int32_t)take(&scan->from, scan->wide) + 1;
    if (coded >= 0 && coded <= 2 * scan->range)
        return coded;
    scan->from.ran_out = 1; /* more than any two samples differ by */
    return 0;
}

static int step_of(const Scan *scan, int32_t difference) { /* A.3.3 */
    int32_t size = difference < 0 ? -difference : difference;
    int step = size == 0 ? 0 : size < scan->t1 ? 1 : size < scan->t2 ? 2 : size < scan->t3 ? 3 : 4;
    return difference < 0 ? -step : step;
}

static int32_t within(const Scan *scan, int32_t value) { /* the end of A.4.5 */
    if (value < 0)
        value += scan->range;
    else if (value > scan->most)
        value -= scan->range;
    return value < 0 ? 0 : value > scan->most ? scan->most : value;
}

static void halve(int32_t *value) {
    *value = *value >= 0 ? *value >> 1 : -((1 - *value) >> 1);
}

static int32_t regular(Scan *scan, int number, int32_t ra, int32_t rb, int32_t rc) { /* A.4 to A.6 */
    int sign = number < 0 ? -1 : 1;
    Context *one = scan->contexts + (number < 0 ? -number : number);
    int32_t low = ra < rb ? ra : rb, high = ra < rb ? rb : ra;
    int32_t guess = rc >= high ? low : rc <= low ? high : ra + rb - rc;
    guess += sign * one->c;
    guess = guess < 0 ? 0 : guess > scan->most ? scan->most : guess;
    int k = 0;
    while (one->n << k < one->a)
        k++;
    int32_t coded = golomb(scan, k, scan->limit), error;
    error = coded & 1 ? -((coded + 1) >> 1) : coded >> 1;
    if (k == 0 && 2 * one->b <= -one->n)
        error = -error - 1;
    one->b += error;
    one->a += error < 0 ? -error : error;
    if (one->n == scan->reset) {
        one->a >>= 1;
        halve(&one->b);
        one->n >>= 1;
    }
    one->n++;
    if (one->b <= -one->n) {
        one->b += one->n;
        if (one->c > LEAST_C)
            one->c--;
        if (one->b <= -one->n)
            one->b = 1 - one->n;
    } else if (one->b > 0) {
        one->b -= one->n;
        if (one->c < MOST_C)
            one->c++;
        if (one->b > 0)
            one->b = 0;
    }
    return within(scan, guess + sign * error);
}

static int32_t broken(Scan *scan, int alike, int order, int32_t ra, int32_t rb) { /* A.7.2: where a run ends */
    Context *one = scan->contexts + CONTEXTS + alike;
    int32_t *below = scan->below + alike;
    int32_t typical = alike ? one->a + (one->n >> 1) : one->a;
    int k = 0;
    while (one->n << k < typical)
        k++;
    int32_t coded = golomb(scan, k, scan->limit - order - 1);
    int32_t twice = coded + alike, odd = twice & 1;
    int32_t error = (twice + odd) >> 1;
    if ((k != 0 || 2 * *below >= one->n) == odd)
        error = -error;
    if (error < 0)
        ++*below;
    one->a += (coded + 1 - alike) >> 1;
    if (one->n == scan->reset) {
        one->a >>= 1;
        one->n >>= 1;
        *below >>= 1;
    }
    one->n++;
    return within(scan, alike ? ra + error : rb + (ra > rb ? -error : error));
}

/* A.7.1: how many samples a run covers, of `left`; less where another sample ends it. */
static int64_t run_of(Scan *scan, int *index, int64_t left) {
    int64_t length = 0;
    while (take(&scan->from, 1)) {
        int64_t step = (int64_t)1 << ORDER[*index];
        if (step > left - length)
            return left;
        length += step;
        if (*index < ORDERS - 1)
            ++*index;
        if (length == left)
            return left;
    }
    length += take(&scan->from, ORDER[*index]);
    if (length >= left)
        scan->from.ran_out = 1; /* the sample that ends it would stand behind the line */
    return length;
}

/* One line of `together` interleaved samples, 1 or all. `line` and `above` have a place more at each end. */
static void line_of(Scan *scan, int32_t *line, int32_t *above, int64_t columns, int together, int *index) {
    for (int n = 0; n < together; n++) {
        line[n - together] = above[n];
        above[columns * together + n] = above[(columns - 1) * together + n];
    }
    for (int64_t x = 0; x < columns && !scan->from.ran_out;) {
        int number[MOST_SAMPLES], flat = 1;
        int32_t *here = line + x * together, *up = above + x * together;
        for (int n = 0; n < together; n++) {
            int32_t ra = here[n - together], rb = up[n], rc = up[n - together], rd = up[n + together];
            number[n] = (step_of(scan, rd - rb) * 9 + step_of(scan, rb - rc)) * 9 + step_of(scan, rc - ra);
            flat &= number[n] == 0;
        }
        if (!flat) {
            for (int n = 0; n < together; n++)
                here[n] = regular(scan, number[n], here[n - together], up[n], up[n - together]);
            x++;
            continue;
        }
        int64_t length = run_of(scan, index, columns - x);
        if (scan->from.ran_out)
            return;
        for (int64_t sample = 0; sample < length * together; sample++)
            here[sample] = here[sample - together];
        x += length;
        if (x == columns)
            return;
        here = line + x * together;
        up = above + x * together;
        for (int n = 0; n < together; n++) {
            int32_t ra = here[n - together], rb = up[n];
            here[n] = broken(scan, together == 1 && ra == rb, ORDER[*index], ra, rb);
        }
        if (*index > 0)
            --*index;
        x++;
    }
}

static void begin(Scan *scan) { /* A.2.1, A.8 */
    scan->range = scan->most + 1;
    scan->wide = 0;
    while ((INT32_C(1) << scan->wide) < scan->range)
        scan->wide++;
    int bits = scan->wide < 2 ? 2 : scan->wide;
    scan->limit = 2 * (bits + (bits < 8 ? 8 : bits));
    int32_t first = (scan->range + 32) / 64;
    for (int n = 0; n < CONTEXTS + 2; n++)
        scan->contexts[n] = (Context){first < 2 ? 2 : first, 0, 0, 1};
    scan->below[0] = scan->below[1] = 0;
}

static int32_t clamped(int32_t value, int32_t least, int32_t most) {
    return value > most || value < least ? least : value;
}

static void usual(Scan *scan) { /* C.2.4.1.1.1 */
    int32_t most = scan->most;
    if (most >= 128) {
        int32_t factor = ((most < 4095 ? most : 4095) + 128) / 256;
        scan->t1 = clamped(factor + 2, 1, most);
        scan->t2 = clamped(factor * 4 + 3, scan->t1, most);
        scan->t3 = clamped(factor * 17 + 4, scan->t2, most);
    } else {
        int32_t factor = 256 / (most + 1);
        scan->t1 = clamped(3 / factor > 2 ? 3 / factor : 2, 1, most);
        scan->t2 = clamped(7 / factor > 3 ? 7 / factor : 3, scan->t1, most);
        scan->t3 = clamped(21 / factor > 4 ? 21 / factor : 4, scan->t2, most);
    }
    scan->reset = 64;
}

static void put(uint8_t *to, const int32_t *line, int64_t columns, int samples, int from, int together, int width) {
    for (int64_t x = 0; x < columns; x++)
        for (int n = 0; n < together; n++) {
            int32_t value = line[x * together + n];
            uint8_t *place = to + (x * samples + from + n) * width;
            place[0] = (uint8_t)value;
            if (width == 2)
                place[1] = (uint8_t)(value >> 8);
        }
}

/* The coded data of one scan, from `*at` on; `*at` is the next marker afterwards. */
static int scanned(Scan *scan, const uint8_t **at, const uint8_t *end, uint8_t *to, int64_t rows, int64_t columns,
                   int samples, int first, int count, int interleave, int width) {
    int together = interleave == 2 ? count : 1, planes = interleave == 1 ? count : 1;
    size_t room = (size_t)(columns + 2) * (size_t)together;
    int32_t *lines = calloc(2 * room * (size_t)planes, sizeof *lines);
    int indexes[MOST_SAMPLES] = {0};
    if (lines == NULL)
        return NO_MEMORY;
    begin(scan);
    scan->from = (Source){*at, end, 0, 0, 0, 0};
    for (int64_t row = 0; row < rows && !scan->from.ran_out; row++)
        for (int plane = 0; plane < planes; plane++) {
            int32_t *both = lines + 2 * room * (size_t)plane + together;
            int32_t *line = both + (row & 1 ? room : 0), *above = both + (row & 1 ? 0 : room);
            line_of(scan, line, above, columns, together, indexes + plane);
            put(to + row * columns * samples * width, line, columns, samples, first + plane, together, width);
        }
    free(lines);
    Source *from = &scan->from;
    if (from->ran_out)
        return DAMAGED;
    fill(from);
    /* What is left fills the last byte, and one more where that is FF (A.1): 7 bits of each at most, all zero. */
    if (from->bits > 14 || from->held & ((UINT64_C(1) << from->bits) - 1))
        return DAMAGED;
    *at = from->at;
    return 0;
}

static int word(const uint8_t *at) {
    return at[0] << 8 | at[1];
}

static int parameters(Scan *scan, const uint8_t *body, int length, int most) { /* LSE, C.2.4.1 */
    if (length != 11 || body[0] != 1)
        return NOT_READ;
    int32_t given[5];
    for (int n = 0; n < 5; n++)
        given[n] = word(body + 1 + 2 * n);
    scan->most = given[0] ? given[0] : most;
    usual(scan);
    scan->t1 = given[1] ? given[1] : scan->t1;
    scan->t2 = given[2] ? given[2] : scan->t2;
    scan->t3 = given[3] ? given[3] : scan->t3;
    scan->reset = given[4] ? given[4] : scan->reset;
    return scan->most > most || scan->reset < 3 ? DAMAGED : scan->reset > MOST_RESET ? NOT_READ : 0;
}

static int image(const uint8_t *at, const uint8_t *end, uint8_t *to, int64_t rows, int64_t columns, int samples,
                 int width) {
    Scan scan;
    int framed = 0, read = 0, most = 0;
    if (end - at < 2 || at[0] != 0xFF || at[1] != 0xD8)
        return DAMAGED;
    at += 2;
    for (;;) {
        if (end - at < 2 || at[0] != 0xFF)
            return DAMAGED;
        int marker = at[1];
        if (marker == 0xD9)
            return read == samples ? 0 : DAMAGED;
        if (end - at < 4)
            return DAMAGED;
        int length = word(at + 2) - 2;
        const uint8_t *body = at + 4;
        if (length < 0 || length > end - body)
            return DAMAGED;
        at = body + length;
        if (marker == 0xF7) { /* the frame */
            if (framed || length != 6 + 3 * samples || word(body + 1) != rows || word(body + 3) != columns ||
                body[5] != samples || body[0] < 2 || body[0] > 8 * width)
                return DAMAGED;
            for (int n = 0; n < samples; n++)
                if (body[7 + 3 * n] != 0x11)
                    return NOT_READ;
            framed = 1;
            scan.most = most = (1 << body[0]) - 1;
            usual(&scan);
        } else if (marker == 0xF8) {
            int wrong = framed ? parameters(&scan, body, length, most) : NOT_READ;
            if (wrong)
                return wrong;
        } else if (marker == 0xDA) {
            int count = length > 0 ? body[0] : 0;
            if (!framed || count < 1 || count > samples - read || length != 4 + 2 * count)
                return DAMAGED;
            for (int n = 0; n < count; n++)
                if (body[2 + 2 * n])
                    return NOT_READ;
            const uint8_t *last = body + 1 + 2 * count;
            if (last[0] || last[1] > 2 || last[2] || (last[1] == 0) != (count == 1))
                return NOT_READ;
            int wrong = scanned(&scan, &at, end, to, rows, columns, samples, read, count, last[1], width);
            if (wrong)
                return wrong;
            read += count;
        } else if (marker != 0xFE && (marker & 0xF0) != 0xE0)
            return NOT_READ;
        else if (length == 5 && !memcmp(body, "mrfx", 4) && body[4])
            return NOT_READ; /* the colours are transformed, by an extension that PS3.5 does not have */
    }
}

static PyObject *decode(PyObject *self, PyObject *args) {
    Py_buffer stream;
    long long rows, columns;
    int samples, width;
    PyObject *answer = NULL;
    (void)self;
    if (!PyArg_ParseTuple(args, "y*LLii", &stream, &rows, &columns, &samples, &width))
        return NULL;
    if (rows < 1 || rows > 65535 || columns < 1 || columns > 65535 || samples < 1 || samples > MOST_SAMPLES ||
        width < 1 || width > 2) {
        PyErr_SetString(PyExc_ValueError, "an image of a size or a kind that is not read");
        goto done;
    }
    answer = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(rows * columns * samples * width));
    if (answer == NULL)
        goto done;
    int wrong;
    Py_BEGIN_ALLOW_THREADS
    wrong = image(stream.buf, (const uint8_t *)stream.buf + stream.len, (uint8_t *)PyBytes_AS_STRING(answer), rows,
                  columns, samples, width);
    Py_END_ALLOW_THREADS
    if (wrong) {
        Py_CLEAR(answer);
        if (wrong == NO_MEMORY)
            PyErr_NoMemory();
        else
            answer = PyLong_FromLong(wrong);
    }
done:
    PyBuffer_Release(&stream);
    return answer;
}

static PyMethodDef methods[] = {
    {"decode", decode, METH_VARARGS,
     "The samples of a stream, by pixel, the low byte of each first; DAMAGED where it is no whole image of this size,\n"
     "NOT_READ where it uses what is not read here."},
    {NULL, NULL, 0, NULL}};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_jpeg_ls", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__jpeg_ls(void) {
    PyObject *made = PyModule_Create(&module);
    if (made != NULL && (PyModule_AddIntMacro(made, DAMAGED) < 0 || PyModule_AddIntMacro(made, NOT_READ) < 0)) {
        Py_DECREF(made);
        return NULL;
    }
    return made;
}
