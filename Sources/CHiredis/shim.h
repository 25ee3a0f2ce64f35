#pragma once

#include <hiredis/hiredis.h>
#include <hiredis/read.h>

/* hiredis 0.14 counts the elements of an array with an int, 1.x with a size_t. */
#if HIREDIS_MAJOR >= 1
typedef size_t hiredisCount;
#else
typedef int hiredisCount;
#endif

/* Where the parts of a reply go, in the order they are read: an array before its elements. */
typedef struct {
    void *context;
    /* Of type REDIS_REPLY_STRING, _STATUS or _ERROR. */
    void (*text)(void *context, int type, const char *bytes, size_t length);
    void (*integer)(void *context, long long value);
    void (*null)(void *context);
    void (*array)(void *context, size_t count);
} hiredisSink;

/* What a reader takes for the object it asked for: it only passes it on. */
#define hiredisObject ((void *)1)

static inline void *hiredisText(const redisReadTask *task, char *bytes, size_t length) {
    hiredisSink *sink = (hiredisSink *)task->privdata;
    sink->text(sink->context, task->type, bytes, length);
    return hiredisObject;
}

static inline void *hiredisArray(const redisReadTask *task, hiredisCount count) {
    hiredisSink *sink = (hiredisSink *)task->privdata;
    sink->array(sink->context, (size_t)count);
    return hiredisObject;
}

static inline void *hiredisInteger(const redisReadTask *task, long long value) {
    hiredisSink *sink = (hiredisSink *)task->privdata;
    sink->integer(sink->context, value);
    return hiredisObject;
}

static inline void *hiredisNull(const redisReadTask *task) {
    hiredisSink *sink = (hiredisSink *)task->privdata;
    sink->null(sink->context);
    return hiredisObject;
}

static inline void hiredisFree(void *object) { (void)object; }

/* What RESP2 does not have (doubles, booleans) ends the reading: hiredis 0.14 does not know it, and later ones take an
 * object that is not made for an error. */
#if HIREDIS_MAJOR >= 1
static inline void *hiredisNoDouble(const redisReadTask *task, double value, char *bytes, size_t length) {
    (void)task, (void)value, (void)bytes, (void)length;
    return NULL;
}

static inline void *hiredisNoBool(const redisReadTask *task, int value) {
    (void)task, (void)value;
    return NULL;
}
#endif

/* A reader that builds no objects; NULL when memory is exhausted. The sink must outlive it. */
static inline redisReader *hiredisReader(hiredisSink *sink) {
    static redisReplyObjectFunctions functions = {
        .createString = hiredisText,
        .createArray = hiredisArray,
        .createInteger = hiredisInteger,
        .createNil = hiredisNull,
        .freeObject = hiredisFree,
#if HIREDIS_MAJOR >= 1
        .createDouble = hiredisNoDouble,
        .createBool = hiredisNoBool,
#endif
    };
    redisReader *reader = redisReaderCreateWithFunctions(&functions);
    if (reader) redisReaderSetPrivdata(reader, sink);
    return reader;
}

/* Reads on; `isComplete` tells whether that completed a reply. */
static inline int hiredisRead(redisReader *reader, int *isComplete) {
    void *reply = NULL;
    int result = redisReaderGetReply(reader, &reply);
    *isComplete = reply != NULL;
    return result;
}
