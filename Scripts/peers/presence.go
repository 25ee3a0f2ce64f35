// The service's two most frequent calls on Go's net/http, with the same answers, for `Scripts/bench peers`:
//
//	presence <port> <port of Redis>
//
// It leaves out what the service does beside: keys, quotas, deadlines, limits, shards, strict JSON, a Redis that
// goes away, and heartbeats whose lease has ended.
package main

import (
	"encoding/json"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
)

const timeoutMs = "400000"

type user struct {
	User      string    `json:"user"`
	Status    string    `json:"status"`
	Version   int64     `json:"version"`
	ChangedAt int64     `json:"changedAt"`
	Sessions  []session `json:"sessions"`
}

type session struct {
	Platform string `json:"platform"`
	Instance string `json:"instance"`
	Session  string `json:"session"`
	Status   string `json:"status"`
	Since    int64  `json:"since"`
}

type heartbeats struct {
	Sessions []lease `json:"sessions"`
}

type lease struct {
	User    string `json:"user"`
	Session string `json:"session"`
}

type renewal struct {
	Renewed int     `json:"renewed"`
	Gone    []lease `json:"gone"`
}

func main() {
	connection, err := net.Dial("tcp", "127.0.0.1:"+os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	redis := newRedis(connection)
	routes := http.NewServeMux()
	routes.HandleFunc("GET /v1/users/{user}", func(w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("user")
		call := redis.send("HGETALL", "bench:user:"+id)
		redis.flush()
		answer(w, query(id, call.wait().elements))
	})
	routes.HandleFunc("POST /v1/heartbeats", func(w http.ResponseWriter, r *http.Request) {
		var body heartbeats
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		answer(w, renew(redis, body.Sessions))
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[1], routes))
}

func answer(w http.ResponseWriter, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(body)
}

func renew(redis *redis, leases []lease) renewal {
	calls := make([]*call, len(leases))
	for i, lease := range leases {
		calls[i] = redis.send("PEXPIRE", "bench:lease:"+lease.User+":"+lease.Session, timeoutMs)
	}
	redis.flush()
	result := renewal{Gone: []lease{}}
	for i, call := range calls {
		if call.wait().integer == 1 {
			result.Renewed++
		} else {
			result.Gone = append(result.Gone, leases[i])
		}
	}
	return result
}

// query reads a record: fields `<platform>:<instance>`, values `status=Online generation=... login=...`.
func query(id string, record []string) user {
	result := user{User: id, Status: "Offline", Sessions: []session{}}
	for i := 0; i+1 < len(record); i += 2 {
		one := session{}
		one.Platform, one.Instance, _ = strings.Cut(record[i], ":")
		for rest, word := record[i+1], ""; rest != ""; {
			word, rest, _ = strings.Cut(rest, " ")
			name, value, _ := strings.Cut(word, "=")
			switch name {
			case "status":
				one.Status = value
			case "generation":
				one.Session = record[i] + ":" + value
			case "login", "changed":
				one.Since, _ = strconv.ParseInt(value, 10, 64)
			}
		}
		if one.Status == "Online" || result.Status == "Offline" {
			result.Status = one.Status
		}
		result.Version = max(result.Version, one.Since)
		result.Sessions = append(result.Sessions, one)
	}
	result.ChangedAt = result.Version
	return result
}
