/*
 * A state machine over bytes: sequence.h has what is understood.
 *
 *     OUTSIDE --ESC--> STARTED --'['--> CONTROL --parameters, then a letter--> OUTSIDE
 *                         |  '---'O'--> SINGLE  --a letter--> OUTSIDE
 *                         '--ESC--> STARTED (the Escape key)       anything else --> OUTSIDE, and the byte is swallowed
 *
 * Every byte leads somewhere and nothing waits for a byte that may not come, so any stream is safe to feed.
 */
#include "drivers/sequence.h"

#define BYTE_ESCAPE   0x1Bu
#define FINAL_FIRST   0x40u
#define PARAMETER_MAX 9999u

static enum sequence_part sequence_start(struct sequence *sequence, uint8_t byte)
{
    *sequence = (struct sequence){.state = SEQUENCE_OUTSIDE};
    if (byte == BYTE_ESCAPE) {
        sequence->state = SEQUENCE_STARTED;
        return SEQUENCE_ESCAPE;
    }
    if (byte == '[')
        sequence->state = SEQUENCE_CONTROL;
    if (byte == 'O')
        sequence->state = SEQUENCE_SINGLE;
    return SEQUENCE_MORE;
}

static void sequence_read_parameter(struct sequence *sequence, uint8_t byte)
{
    if (byte == ';')
        sequence->parameter++;
    /* Counted beyond the array, stored never: a third parameter is read and lost. */
    if (byte < '0' || byte > '9' || sequence->parameter >= SEQUENCE_PARAMETERS)
        return;
    uint32_t *parameter = &sequence->parameters[sequence->parameter];
    uint32_t value = *parameter * 10 + (byte - '0');
    *parameter = value < PARAMETER_MAX ? value : PARAMETER_MAX;
}

enum sequence_part sequence_feed(struct sequence *sequence, uint8_t byte)
{
    if (sequence->state == SEQUENCE_STARTED)
        return sequence_start(sequence, byte);
    if (sequence->state == SEQUENCE_OUTSIDE) {
        if (byte != BYTE_ESCAPE)
            return SEQUENCE_TEXT;
        sequence->state = SEQUENCE_STARTED;
        return SEQUENCE_MORE;
    }
    if (sequence->state == SEQUENCE_CONTROL && byte < FINAL_FIRST) {
        sequence_read_parameter(sequence, byte);
        return SEQUENCE_MORE;
    }
    sequence->state = SEQUENCE_OUTSIDE;
    return SEQUENCE_END;
}
