/* Base64 (RFC 4648) with padding, by which bytes of any value ride in a command or a reply. */
#include "agent.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64(char *to, const uint8_t *from, size_t n)
{
    for (size_t i = 0; i < n; i += 3) {
        uint32_t three = (uint32_t)from[i] << 16 | (i + 1 < n ? (uint32_t)from[i + 1] << 8 : 0) | (i + 2 < n ? from[i + 2] : 0);
        *to++ = digits[three >> 18];
        *to++ = digits[three >> 12 & 63];
        *to++ = i + 1 < n ? digits[three >> 6 & 63] : '=';
        *to++ = i + 2 < n ? digits[three & 63] : '=';
    }
    *to = 0;
}

static int value(char c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' : c >= 'a' && c <= 'z' ? c - 'a' + 26 : c >= '0' && c <= '9' ? c - '0' + 52
         : c == '+' ? 62 : c == '/' ? 63 : -1;
}

int unbase64(uint8_t *to, const char *from)
{
    uint8_t *at = to;
    for (; *from; from += 4) {
        uint32_t four = 0;
        int pad = 0;
        for (int i = 0; i < 4; i++) {
            int v = value(from[i]);
            if (v < 0 && !(from[i] == '=' && i >= 2 && !from[i + 1 + (i == 2 && from[3] == '=')]))
                return -1;
            pad += v < 0;
            four = four << 6 | (v < 0 ? 0 : (uint32_t)v);
        }
        *at++ = (uint8_t)(four >> 16);
        if (pad < 2)
            *at++ = (uint8_t)(four >> 8);
        if (pad < 1)
            *at++ = (uint8_t)four;
        if (pad)
            break;
    }
    return (int)(at - to);
}
