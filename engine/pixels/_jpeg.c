/* The hot loop of jpeg_scan, once more in C: the same bits for the same input, two orders of magnitude sooner.

   Optional: without a compiler at the time of installation jpeg_scan does it by itself. Every read is checked against the
   length of the data, every write against the room there is. The GIL is released, so that frames are worked on at once. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define WINDOWS 65536
#define MOST_COMPONENTS 4
#define MOST_CATEGORIES 17
#define TRUNCATED (-1)
#define NO_CODE (-2)
#define NO_MEMORY (-3)

typedef struct {
    const uint16_t *dc, *many, *single; /* as huffman.dc_windows and ac_windows give them, WINDOWS each */
    const int64_t *codes;              /* for each category of difference: code, length; then those of end of block */
    int64_t black;
} Component;

typedef struct {
    uint8_t *bytes;
    size_t length, room;
    uint64_t held; /* bits that fill no byte yet, in the low end */
    int bits;
} Target;

static int put_byte(Target *to, uint8_t byte) {
    if (to->length + 2 > to->room) {
        size_t room = to->room * 2 + 1024;
        uint8_t *bytes = realloc(to->bytes, room);
        if (bytes == NULL)
            return NO_MEMORY;
        to->bytes = bytes;
        to->room = room;
    }
    to->bytes[to->length++] = byte;
    if (byte == 0xFF)
        to->bytes[to->length++] = 0; /* T.81 B.1.1.5 */
    return 0;
}

/* At most 32 bits. */
static int put(Target *to, uint64_t value, int count) {
    to->held = to->held << count | (value & ((UINT64_C(1) << count) - 1));
    to->bits += count;
    while (to->bits >= 8) {
        to->bits -= 8;
        int wrong = put_byte(to, (uint8_t)(to->held >> to->bits));
        if (wrong)
            return wrong;
    }
    return 0;
}

/* The 32 bits of the byte in which `at` lies and of the next three, moved up to `at`; there are 8 bytes behind the end. */
static inline uint32_t peek(const uint8_t *data, int64_t at) {
    const uint8_t *byte = data + (at >> 3);
    uint32_t word = (uint32_t)byte[0] << 24 | (uint32_t)byte[1] << 16 | (uint32_t)byte[2] << 8 | byte[3];
    return word << (at & 7);
}

static int copy(Target *to, const uint8_t *data, int64_t from, int64_t until) {
    while (from < until) {
        int count = until - from < 16 ? (int)(until - from) : 16;
        int wrong = put(to, peek(data, from) >> (32 - count), count);
        if (wrong)
            return wrong;
        from += count;
    }
    return 0;
}

static int put_difference(Target *to, const Component *which, int64_t difference) {
    uint64_t size = (uint64_t)(difference < 0 ? -difference : difference);
    int category = 0;
    while (size >> category)
        category++;
    if (category >= MOST_CATEGORIES || which->codes[2 * category + 1] == 0)
        return NO_CODE;
    int wrong = put(to, (uint64_t)which->codes[2 * category], (int)which->codes[2 * category + 1]);
    if (wrong || category == 0)
        return wrong;
    int64_t low = difference >= 0 ? difference : difference + (INT64_C(1) << category) - 1;
    return put(to, (uint64_t)low, category);
}

/* See jpeg_scan._interval, line by line. `data` has `end` bits, and 8 bytes of ones behind them. */
static int interval(Target *to, const uint8_t *data, int64_t end, const Component *components,
                    const uint8_t *per_mcu, Py_ssize_t blocks, const uint8_t *blanked, Py_ssize_t mcus, int anew) {
    int64_t there[MOST_COMPONENTS] = {0}, written[MOST_COMPONENTS] = {0};
    int64_t at = 0, copied = 0;
    int wrong = 0;
    for (Py_ssize_t mcu = 0; mcu < mcus; mcu++) {
        int blank = blanked[mcu];
        if (blank && (wrong = copy(to, data, copied, at)))
            return wrong;
        for (Py_ssize_t n = 0; n < blocks; n++) {
            int which = per_mcu[n];
            const Component *component = components + which;
            int64_t block = at, before = there[which];
            if (at > end)
                return TRUNCATED;
            int64_t step = component->dc[peek(data, at) >> 16];
            if (!step)
                return TRUNCATED;
            at += step & 0xFF;
            int size = (int)(step >> 8);
            if (size) {
                if (at > end)
                    return TRUNCATED;
                int64_t value = peek(data, at) >> (32 - size);
                there[which] += value >> (size - 1) ? value : value - (INT64_C(1) << size) + 1;
                at += size;
            }
            int64_t after_dc = at;
            int64_t place = 1;
            while (place < 64) {
                if (at > end)
                    return TRUNCATED;
                uint32_t window = peek(data, at) >> 16;
                step = component->many[window];
                int64_t reached = place + (step >> 7);
                if (reached > 64 || (reached == 64 && step & 64)) {
                    step = component->single[window];
                    reached = place + (step >> 7);
                }
                if (!step || reached > 64)
                    return TRUNCATED;
                at += step & 63;
                place = step & 64 ? 64 : reached;
            }
            if (blank) {
                if ((wrong = put_difference(to, component, component->black - written[which])) ||
                    (wrong = put(to, (uint64_t)component->codes[2 * MOST_CATEGORIES],
                                 (int)component->codes[2 * MOST_CATEGORIES + 1])))
                    return wrong;
                written[which] = component->black;
            } else {
                if (anew || written[which] != before) {
                    if ((wrong = copy(to, data, copied, block)) ||
                        (wrong = put_difference(to, component, there[which] - written[which])))
                        return wrong;
                    copied = after_dc;
                }
                written[which] = there[which];
            }
        }
        if (at > end)
            return TRUNCATED;
        if (blank)
            copied = at;
    }
    if ((wrong = copy(to, data, copied, at)))
        return wrong;
    return to->bits ? put(to, 0xFF, 8 - to->bits) : 0; /* T.81 F.1.2.3 */
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

static PyObject *blank_interval(PyObject *self, PyObject *args) {
    Py_buffer data, per_mcu, blanked, views[4 * MOST_COMPONENTS];
    PyObject *tables, *answer = NULL;
    int anew, held = 0;
    (void)self;
    if (!PyArg_ParseTuple(args, "y*O!y*y*p", &data, &PyTuple_Type, &tables, &per_mcu, &blanked, &anew))
        return NULL;
    Component components[MOST_COMPONENTS];
    Py_ssize_t count = PyTuple_GET_SIZE(tables);
    if (count < 1 || count > MOST_COMPONENTS || data.len < 8) {
        PyErr_SetString(PyExc_ValueError, "no data, or another number of components than there can be");
        goto done;
    }
    for (Py_ssize_t n = 0; n < count; n++) {
        PyObject *parts[4];
        long long black;
        if (!PyArg_ParseTuple(PyTuple_GET_ITEM(tables, n), "OOOOL", parts, parts + 1, parts + 2, parts + 3, &black))
            goto done;
        for (int part = 0; part < 4; part++) {
            if (table_of(parts[part], part == 3 ? 16 * (MOST_CATEGORIES + 1) : 2 * WINDOWS, views + held) < 0)
                goto done;
            held++;
        }
        const Py_buffer *mine = views + held - 4;
        components[n] = (Component){mine[0].buf, mine[1].buf, mine[2].buf, mine[3].buf, black};
    }
    for (Py_ssize_t n = 0; n < per_mcu.len; n++)
        if (((const uint8_t *)per_mcu.buf)[n] >= count) {
            PyErr_SetString(PyExc_ValueError, "a block of no component");
            goto done;
        }
    Target to = {NULL, 0, 0, 0, 0};
    int wrong;
    Py_BEGIN_ALLOW_THREADS
    wrong = interval(&to, data.buf, 8 * ((int64_t)data.len - 8), components, per_mcu.buf, per_mcu.len,
                     blanked.buf, blanked.len, anew);
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

static PyMethodDef methods[] = {
    {"blank_interval", blank_interval, METH_VARARGS,
     "The entropy-coded data of one restart interval with blocks blanked; -1 where it is truncated, -2 where a table has\n"
     "no code for a step to or from black."},
    {NULL, NULL, 0, NULL}};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_jpeg", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__jpeg(void) {
    PyObject *made = PyModule_Create(&module);
    if (made != NULL && PyModule_AddIntMacro(made, TRUNCATED) < 0) {
        Py_DECREF(made);
        return NULL;
    }
    return made;
}
