package main

import (
	"bufio"
	"io"
	"log"
	"net"
	"slices"
	"strconv"
	"sync"
)

// redis is one connection that many goroutines share: what they send while one of them writes goes out together in
// its next write, and replies are handed out in the order of the commands.
type redis struct {
	connection net.Conn
	waiting    chan *call
	mutex      sync.Mutex
	outgoing   []byte
	spare      []byte
	isWriting  bool
}

type reply struct {
	integer  int
	elements []string
}

type call struct{ done chan reply }

var calls = sync.Pool{New: func() any { return &call{make(chan reply, 1)} }}

func newRedis(connection net.Conn) *redis {
	r := &redis{connection: connection, waiting: make(chan *call, 100_000)}
	go r.read()
	return r
}

// send queues a command; flush sends what is queued.
func (r *redis) send(words ...string) *call {
	call := calls.Get().(*call)
	r.mutex.Lock()
	r.outgoing = appendLength(r.outgoing, '*', len(words))
	for _, word := range words {
		r.outgoing = append(append(appendLength(r.outgoing, '$', len(word)), word...), "\r\n"...)
	}
	r.waiting <- call
	r.mutex.Unlock()
	return call
}

func (r *redis) flush() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.isWriting {
		return
	}
	r.isWriting = true
	for len(r.outgoing) > 0 {
		batch := r.outgoing
		r.outgoing = r.spare[:0]
		r.mutex.Unlock()
		if _, err := r.connection.Write(batch); err != nil {
			log.Fatal(err)
		}
		r.mutex.Lock()
		r.spare = batch
	}
	r.isWriting = false
}

func (c *call) wait() reply {
	reply := <-c.done
	calls.Put(c)
	return reply
}

func (r *redis) read() {
	incoming := bufio.NewReaderSize(r.connection, 64<<10)
	var text []byte
	for {
		kind, count := readLine(incoming)
		result := reply{integer: count}
		if kind == '*' {
			result.elements = make([]string, count)
			for i := range result.elements {
				_, length := readLine(incoming)
				text = slices.Grow(text[:0], length+2)[:length+2]
				if _, err := io.ReadFull(incoming, text); err != nil {
					log.Fatal(err)
				}
				result.elements[i] = string(text[:length])
			}
		}
		(<-r.waiting).done <- result
	}
}

// readLine reads the start of a reply; one that is neither a number nor a list of texts ends the program.
func readLine(incoming *bufio.Reader) (kind byte, number int) {
	line, err := incoming.ReadSlice('\n')
	if err == nil {
		number, err = strconv.Atoi(string(line[1 : len(line)-2]))
	}
	if err != nil {
		log.Fatalf("%q: %v", line, err)
	}
	return line[0], number
}

func appendLength(buffer []byte, kind byte, length int) []byte {
	return append(strconv.AppendInt(append(buffer, kind), int64(length), 10), "\r\n"...)
}
