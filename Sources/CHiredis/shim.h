#pragma once

#include <hiredis/hiredis.h>
#include <hiredis/read.h>

/* One signature over hiredis 0.14, where the length is an int, and 1.x, where it is a long long. */
static inline long long hiredisFormat(char **target, int argc, const char **argv, const size_t *lengths) {
    return redisFormatCommandArgv(target, argc, argv, lengths);
}

/* Reads the next reply as a tree of redisReply, the objects a reader makes by default. */
static inline int hiredisNextReply(redisReader *reader, redisReply **reply) {
    return redisReaderGetReply(reader, (void **)reply);
}
