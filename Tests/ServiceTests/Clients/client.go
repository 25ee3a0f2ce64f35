// Go's net/http with its default client.
package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strings"
)

func main() {
	url, heartbeat := os.Args[1], os.Args[2]
	calls := [][2]string{
		{"/v1/sessions", `{"user":"ann","platform":"Web"}`},
		{"/v1/heartbeats", heartbeat},
		{"/v1/statuses", `{"users":["ann"]}`},
		{"/v1/statuses", strings.Repeat("a", 2_000_000)},
		{"/v1/statuses", `{"users":["ann"]}`},
	}
	var words []any
	for _, call := range calls {
		response, err := http.Post(url+call[0], "application/json", strings.NewReader(call[1]))
		if err != nil {
			log.Fatal(err)
		}
		answer, err := io.ReadAll(response.Body)
		if err != nil {
			log.Fatal(err)
		}
		response.Body.Close()
		if call[1] == heartbeat {
			words = append(words, string(answer))
		}
		words = append(words, response.StatusCode)
	}
	fmt.Println(words...)
}
