import Faults
import Foundation
import JSON
import NIOCore
import PresenceCore
import PresenceProtocol
import Testing

@testable import Gateway
@testable import HTTPServer
@testable import PresenceStore
@testable import RedisClient

/// Whatever comes from outside is read, or refused; nothing traps, nothing hangs, and how the bytes are cut does not
/// matter. PRESENCE_FUZZ_SEED begins elsewhere; JSON, usersigs and sockets have such tests beside their own.
@Suite(.timeLimit(.minutes(5))) struct FuzzTests {
    static let seed = ProcessInfo.processInfo.environment["PRESENCE_FUZZ_SEED"].flatMap { UInt64($0) } ?? 14
    static let rounds = 3_000
    private static let fields = [
        "user", "version", "previous", "action", "reason", "session", "status", "userStatus", "address", "kicked",
        "note", "request", "traceparent",
    ]

    @Test("Replies of Redis")
    func replies() {
        let corpus = [
            "+OK\r\n:-42\r\n$5\r\nhello\r\n", "*2\r\n*1\r\n:1\r\n$0\r\n\r\n-ERR no\r\n*-1\r\n*0\r\n$-1\r\n",
            "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$3\r\nabc\r\n", "-MOVED 3999 127.0.0.1:6381\r\n", "%1\r\n+a\r\n:1\r\n",
            "*2\r\n$8\r\naccepted\r\n*1\r\n$9\r\nw1 7 gone\r\n",
        ]
        var mangler = Mangler(seed: Self.seed, corpus: corpus)
        for _ in 0..<Self.rounds {
            let bytes = mangler.next()
            let whole = Self.decoded([bytes[...]])
            let parts = Self.decoded(mangler.parts(of: bytes))
            #expect(parts.values.starts(with: whole.values) && parts.isRefused == whole.isRefused, "\(bytes)")
        }
    }

    /// - Returns: the values read before the bytes lost their meaning. Whole, those in front of it are lost with it.
    private static func decoded(_ parts: [ArraySlice<UInt8>]) -> (values: [String], isRefused: Bool) {
        var decoder = RESPDecoder(unfinishedBytesMax: 1_024)
        var values: [String] = []
        for part in parts {
            do { values += try decoder.decode(ByteBuffer(bytes: part)).map { "\($0)" } } catch { return (values, true) }
        }
        return (values, false)
    }

    @Test("What a server answers instead, and says of itself")
    func words() {
        let corpus = [
            "MOVED 3999 127.0.0.1:6381", "ASK 1 [::1]:7000", "# Server\r\nredis_version:7.0.15\r\nrole:master\r\n",
            "maxmemory_policy:noeviction\r\ncluster_enabled:1", "redis://user:p%40ss@host:6379/3",
            "rediss+sentinel://h1:1,h2:2/mymaster/0", "redis+cluster://[::1]:7000", "unix:///tmp/redis.sock?db=2",
        ]
        var mangler = Mangler(seed: Self.seed, corpus: corpus)
        for _ in 0..<Self.rounds {
            let text = mangler.text()
            _ = Redirection(text, from: .tcp(host: "h", port: 1))
            _ = RedisServerInfo(text)
            _ = try? RedisEndpoint(text)
            _ = RedisReplyError(message: text)
        }
    }

    @Test("Heads and bodies of requests")
    func requests() {
        let corpus = [
            "GET /a?b HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: y\r\n\r\n",
            "POST /c HTTP/1.1\r\nHost:x\r\nContent-Length: 5\r\n\r\nGET /",
            "PUT /d HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2;a=\"b\"\r\n\r\n\r\n0\r\nE: f\r\n\r\n",
            "HEAD /g HTTP/1.0\r\n\r\n", "GET http://h/a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n\r\n",
        ]
        var mangler = Mangler(seed: Self.seed, corpus: corpus)
        for _ in 0..<Self.rounds {
            let bytes = mangler.next()
            #expect(Self.read([bytes[...]]) == Self.read(mangler.parts(of: bytes)), "\(bytes)")
        }
    }

    /// What is read until the request is refused.
    private static func read(_ parts: [ArraySlice<UInt8>]) -> [String] {
        var parser = RequestParser(HTTPServerLimits())
        var (input, read, body) = (ByteBuffer(), [String](), "")
        for part in parts {
            input.writeBytes(part)
            do {
                while let part = try parser.next(in: &input) {
                    switch part {
                    case .head(let request): read.append("\(request.method) \(request.path) \(request.query)")
                    case .body(let bytes): body += bytes.readableBytesView.map { "\($0) " }.joined()
                    case .end:
                        read.append(body)
                        body = ""
                    }
                }
            } catch {
                return read + ["refused"]
            }
        }
        return read
    }

    @Test("Frames of a WebSocket, and what is in them")
    func frames() {
        let corpus: [[UInt8]] = [
            [0x81, 0x85, 1, 2, 3, 4, 0x69, 0x67, 0x6F, 0x68, 0x6E], [0x88, 0x82, 0, 0, 0, 0, 3, 0xE8],
            [0x89, 0x80, 9, 9, 9, 9], [0x81, 0xFE, 0, 126, 0, 0, 0, 0] + Array(repeating: 65, count: 126),
            [0x82, 0xFF, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0],
        ]
        let texts = [
            #"{"type":"heartbeat"}"#, #"{"type":"logout"}"#, #"{"type":"login","token":"a.b.c"}"#,
            #"{"type":"subscribe","users":["alice","bob"],"x":[1,{"y":null}]}"#,
        ]
        var (mangler, messages) = (Mangler(seed: Self.seed, corpus: corpus), Mangler(seed: Self.seed, corpus: texts))
        for _ in 0..<Self.rounds {
            let bytes = mangler.next()
            let (whole, parts) = (Self.frames(in: [bytes[...]]), Self.frames(in: mangler.parts(of: bytes)))
            #expect(whole.frames == parts.frames && whole.failure == parts.failure, "\(bytes)")
            _ = try? ClientMessage(messages.text())
        }
    }

    /// What is read until there is no more, or the rest is refused.
    private static func frames(in parts: [ArraySlice<UInt8>]) -> (frames: [Frame], failure: FrameReader.Failure?) {
        var (reader, frames) = (FrameReader(), [Frame]())
        for part in parts {
            reader.append(ByteBuffer(bytes: part))
            do throws(FrameReader.Failure) {
                while let frame = try reader.next() { frames.append(frame) }
            } catch {
                return (frames, error)
            }
        }
        return (frames, nil)
    }

    @Test("Tokens of clients")
    func tokens() async throws {
        let verifier = try await TokenVerifier(
            userSigKey: nil, jwtSecrets: ["0123456789abcdef0123456789abcdef"], jwtPublicKeys: [], audience: nil,
            issuer: nil)
        let corpus = [
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsImV4cCI6OTk5OTk5OTk5OX0.c2lnbmF0dXJl",
            "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.", "eJwtzMEKgkAUheF3uevIO-M4mdCiIly0aqxNBBJTXSyZRMnE", "a.b.c",
        ]
        var mangler = Mangler(seed: Self.seed, corpus: corpus)
        for _ in 0..<Self.rounds {
            let token = mangler.text()
            #expect(throws: (any Error).self, "\(token)") { try verifier.verify(token, of: "alice") }
        }
    }

    @Test("Records, events and what else stands in Redis")
    func stored() throws {
        let record = "status=PushOnline generation=k3J9 login=1763712345678 changed=1763712346000 worker=a%201 link=17"
        let corpus = [
            record + " attempt=x9.1 address=10.0.0.7 network=wifi version=8.1", record, "status=Online",
            "Web LinkClose 17,iPhone TimeOut 20", "1763712345678-0", "w1 17 displaced iPhone:default:k3J9",
            "17 kicked why", "17 gone", "iPhone:default:k3J9", "users:Online", "presence:{042}:user:alice",
            "__keyspace@0__:presence:{000}:events",
            #"{"name":"w1","level":3}"#,
        ]
        var mangler = Mangler(seed: Self.seed, corpus: corpus)
        let (keys, user) = (KeySpace(prefix: "presence", shards: 128), UserID.example)
        for _ in 0..<Self.rounds {
            let (name, text) = (mangler.text(), mangler.text())
            let hash = RedisValue.array([.string(name), .string(text), .string("version"), .string(mangler.text())])
            if let presence = try? PresenceStore.presence(of: user, record: hash) {
                #expect(presence.sessions.allSatisfy { $0.id.device == name }, "\(name) \(text)")
            }
            _ = Record.session(device: "Web:default", record: text)
            _ = SettledSession.all(in: text)
            _ = Notice(text)
            _ = WorkerSaying(text)
            var hashes = ["users:Online": text, "digest": mangler.text()]
            hashes[name] = text
            _ = SharedRules.Adopted(hashes)
            _ = keys.shardKey(text)
            #expect(StreamPosition.isBefore(text, text) == false)
            var counts = PresenceCounts()
            counts.add(hashes)
            let fields = Self.fields.flatMap { [RedisValue.string($0), .string(mangler.text())] }
            _ = OutboxEntry(.array([.string(name), .array(fields)]))
            _ = DeadLetter(.array([.string(name), .array([.string("refused"), .string(text)] + fields)]))
        }
    }

    @Test("What a request says of who calls, and asks for")
    func callers() {
        let corpus = [
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "for=\"[2001:db8::1]:4711\";proto=http, for=_x",
            "10.0.0.7, 127.0.0.1:80", "::ffff:10.0.0.1", "user=alice&platform=Web&x=%41%zz+", "k3J9x.12", "alice",
        ]
        var mangler = Mangler(seed: Self.seed, corpus: corpus)
        for _ in 0..<Self.rounds {
            let text = mangler.text()
            _ = TraceParent(text)
            _ = RequestID(text)
            _ = NetworkAddress(text)
            _ = NetworkAddress(forwarded: [text, mangler.text()], in: "forwarded")
            _ = try? QueryParameters<ConnectQuery.Parameter>(text[...])
            _ = try? Attempt(text)
            _ = try? SessionID(text)
            if let id = try? UserID(text) { #expect(id.rawValue.utf8.count <= UserID.bytesMax) }
        }
    }
}
