/* The app's backend as the benchmarks need it: fast, slow or broken, as they say.
 *
 * Usage: receiver PORT LOG. Answers every callback on loopback at once, or after a delay, and writes one line per
 * callback to LOG: arrival (ms), status answered, EventTime (ms), version, user. For the benchmarks:
 *   GET /control?status=404&delay=100&fail=bad-   answers with this status after so many ms, and 500 to users whose
 *                                                 name begins so; what is left out is 200, 0 and nobody
 *   GET /stats                                    {"requests":n,"accepted":n}, once LOG holds them all
 * One thread, epoll, keep-alive. A callback without Content-Length or longer than the buffer ends its connection. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 4096, BUFFER_BYTES = 16384, WAITING_MAX = 65536, EVENTS_MAX = 256, NAME_BYTES = 160 };

struct connection { unsigned life; int used; char buffer[BUFFER_BYTES]; };
struct answer { long long due; int fd; unsigned life; int status; };

static struct connection *connections[CONNECTIONS_MAX];
static struct answer waiting[WAITING_MAX]; /* a ring, in the order of their time while the delay stays the same */
static unsigned first_waiting, last_waiting, lives;
static long long requests, accepted;
static int status_now = 200, delay_ms;
static char failing[NAME_BYTES];
static FILE *record;

static long long now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void end_connection(int fd) {
    free(connections[fd]);
    connections[fd] = NULL;
    close(fd);
}

static void send_answer(int fd, int status, const char *body) {
    char head[256];
    int length = snprintf(head, sizeof head, "HTTP/1.1 %d Status\r\nContent-Length: %zu\r\n\r\n%s", status,
                          strlen(body), body);
    if (send(fd, head, length, MSG_NOSIGNAL) != length) shutdown(fd, SHUT_RDWR);
}

/* What stands between `name` and the first of `ends`, empty where it is not there. */
static void find(const char *text, const char *name, const char *ends, char *into) {
    const char *at = strstr(text, name);
    size_t length = at ? strcspn(at += strlen(name), ends) : 0;
    if (length >= NAME_BYTES) length = NAME_BYTES - 1;
    memcpy(into, at ? at : "", length);
    into[length] = 0;
}

static void control(const char *target) {
    char status[NAME_BYTES], delay[NAME_BYTES];
    find(target, "status=", "& ", status);
    find(target, "delay=", "& ", delay);
    find(target, "fail=", "& ", failing);
    status_now = *status ? atoi(status) : 200;
    delay_ms = atoi(delay);
}

static void callback(int fd, const char *body) {
    char at[NAME_BYTES], version[NAME_BYTES], user[NAME_BYTES];
    long long now = now_ms();
    find(body, "\"EventTime\":", ",", at);
    find(body, "\"version\":", ",", version);
    find(body, "\"To_Account\":\"", "\"", user);
    int status = *failing && strncmp(user, failing, strlen(failing)) == 0 ? 500 : status_now;
    requests++;
    if (status == 200) accepted++;
    fprintf(record, "%lld %d %s %s %s\n", now, status, at, version, user);
    if (delay_ms == 0) return send_answer(fd, status, "");
    if (last_waiting - first_waiting == WAITING_MAX) return (void)shutdown(fd, SHUT_RDWR);
    waiting[last_waiting++ % WAITING_MAX] = (struct answer){now + delay_ms, fd, connections[fd]->life, status};
}

static void request(int fd, const char *head, const char *body) {
    char text[128];
    if (strncmp(head, "GET /control", 12) == 0) {
        control(head);
    } else if (strncmp(head, "GET /stats", 10) == 0) {
        fflush(record);
    } else {
        return callback(fd, body);
    }
    snprintf(text, sizeof text, "{\"requests\":%lld,\"accepted\":%lld}", requests, accepted);
    send_answer(fd, 200, text);
}

/* Answers every request the buffer holds whole; false if the connection is at fault. */
static int read_requests(int fd, struct connection *from) {
    char *head = from->buffer, *end;
    from->buffer[from->used] = 0;
    while ((end = strstr(head, "\r\n\r\n"))) {
        end[2] = 0;
        char *length = strcasestr(head, "\r\ncontent-length:"), *body = end + 4;
        int bytes = length ? atoi(length + 17) : strncmp(head, "GET ", 4) == 0 ? 0 : -1;
        end[2] = '\r';
        if (bytes < 0 || bytes >= BUFFER_BYTES) return 0;
        if (from->buffer + from->used - body < bytes) break;
        char next = body[bytes];
        body[bytes] = 0;
        request(fd, head, body);
        body[bytes] = next;
        head = body + bytes;
    }
    from->used -= head - from->buffer;
    memmove(from->buffer, head, from->used);
    return from->used < BUFFER_BYTES - 1;
}

static void readable(int fd) {
    struct connection *from = connections[fd];
    int count = recv(fd, from->buffer + from->used, BUFFER_BYTES - 1 - from->used, 0);
    if (count > 0) from->used += count;
    if (count <= 0 || !read_requests(fd, from)) end_connection(fd);
}

static void accept_connection(int listener, int epoll) {
    int fd = accept(listener, NULL, NULL), on = 1;
    if (fd < 0) return;
    if (fd >= CONNECTIONS_MAX) return (void)close(fd);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    connections[fd] = calloc(1, sizeof *connections[fd]);
    connections[fd]->life = ++lives;
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = EPOLLIN, .data.fd = fd});
}

/* Sends the answers whose time has come; the ms until the next, -1 if there is none. */
static int send_due(void) {
    for (; first_waiting != last_waiting; first_waiting++) {
        struct answer *next = &waiting[first_waiting % WAITING_MAX];
        long long left = next->due - now_ms();
        if (left > 0) return left;
        struct connection *to = connections[next->fd];
        if (to && to->life == next->life) send_answer(next->fd, next->status, "");
    }
    return -1;
}

int main(int count, char **arguments) {
    if (count != 3 || !(record = fopen(arguments[2], "w"))) fail("usage: receiver PORT LOG");
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(arguments[1]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1, epoll = epoll_create1(0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1024)) fail("listen");
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &(struct epoll_event){.events = EPOLLIN, .data.fd = listener});
    for (;;) {
        struct epoll_event events[EVENTS_MAX];
        int ready = epoll_wait(epoll, events, EVENTS_MAX, send_due());
        for (int i = 0; i < ready; i++) {
            if (events[i].data.fd == listener) accept_connection(listener, epoll);
            else readable(events[i].data.fd);
        }
    }
}
