/* One line of text for everything that can be wrong with a file. */
#include "offence.h"

#include <stdarg.h>
#include <stdio.h>

bool offence_say(const offence *o, const char *format, ...)
{
    if (!o->size) return false;
    int length = o->member ? snprintf(o->text, o->size, "%s: %s: ", o->file, o->member)
                           : snprintf(o->text, o->size, "%s: ", o->file);
    if (length >= 0 && (size_t)length < o->size) {
        va_list arguments;
        va_start(arguments, format);
        (void)vsnprintf(o->text + length, o->size - (size_t)length, format, arguments);
        va_end(arguments);
    }
    for (char *c = o->text; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f) *c = '?';
    return false;
}
