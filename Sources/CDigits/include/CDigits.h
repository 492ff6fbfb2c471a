// The test part of the UCI optical recognition of handwritten digits: 1,797 images of 8 x 8 pixels.
// Origin and licence: DATA-LICENSE.md.
#ifndef PALIMPSEST_CDIGITS_H
#define PALIMPSEST_CDIGITS_H
#include <stdint.h>

enum {
  DIGITS_COUNT = 1797,
  DIGITS_PIXELS = 64,
  DIGITS_MAXIMUM = 16,
};

// Row-major [DIGITS_COUNT, DIGITS_PIXELS], each pixel from 0 (paper) to DIGITS_MAXIMUM (ink).
const uint8_t *digits_pixels(void);

// The digit of each image, 0 to 9.
const uint8_t *digits_labels(void);

#endif
