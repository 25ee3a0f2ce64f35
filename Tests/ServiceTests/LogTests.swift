import Foundation
import Support
import Testing

@Suite("The log of a worker")
struct LogTests {
    @Test("A reader that stops holds up nothing: the worker serves, tells what is missing later, and stops in time")
    func stalledReader() async throws {
        try await withWorker { pipe, worker, backend, port in
            try await serve(backend, port: port)
            var log = ""
            try await eventually(else: "nothing is told missing: \(log.suffix(500))") {
                log += pipe.read()
                return log.contains(/warning presence: lines=\d+ \[presence\] Lines of the log are missing here/)
            }
            _ = try await backend.call(.get, "/v1/read-again")
            try await eventually(else: "the log does not go on: \(log.suffix(500))") {
                log += pipe.read()
                return log.contains("path=/v1/read-again")
            }
            let stamp = #/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} .*/#
            let strays = log.split(separator: "\n").filter { $0.wholeMatch(of: stamp) == nil }
            #expect(strays.isEmpty, "lines are whole")

            try await serve(backend, port: port)
            try await worker.end(with: SIGTERM, timeout: .seconds(10))
            #expect(worker.exitStatus == 0)
        }
    }

    @Test("A reader that is gone ends neither the worker nor its service, nor holds up its end")
    func noReader() async throws {
        try await withWorker { pipe, worker, backend, port in
            pipe.end()
            try await serve(backend, port: port)
            try await worker.end(with: SIGTERM, timeout: .seconds(10))
            #expect(worker.exitStatus == 0)
        }
    }

    /// Runs the body beside a worker that serves and logs all it can to a pipe.
    private func withWorker(
        body: (_ log: UnreadPipe, _ worker: ChildProcess, _ backend: Backend, _ port: Int) async throws -> Void
    ) async throws {
        try await RedisServer.withRedis { redis in
            let folder = try temporaryFolder("log")
            defer { removeFolder(folder) }
            let pipe = try UnreadPipe(in: folder)
            let port = try await FreePort.next()
            let worker = try pipe.child(
                [
                    PresenceProcess.binary, "serve", "--port", "\(port)", "--redis-url", redis.url, "--log-level",
                    "trace",
                ], folder: folder)
            defer { worker.signal(SIGKILL) }
            let backend = Backend(["http://127.0.0.1:\(port)"])
            try await eventually(else: "not ready: \(pipe.read().suffix(500))") {
                (try? await backend.call(.get, "/health/ready").status) == 200
            }
            try await body(pipe, worker, backend, port)
        }
    }

    /// The worker serves, and logs more of it than is kept: each path is told in a line.
    private func serve(_ backend: Backend, port: Int) async throws {
        let path = "/v1/" + String(repeating: "x", count: 8_000)
        try await withThrowingTaskGroup { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<40 {
                        let answer = try await backend.call(.get, path)
                        #expect(answer.status == 404)
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try await backend.call(.get, "/health/ready").status == 200)
        #expect(try await backend.login("ann", "Web").status == 201)
        try await RawWebSocket.with(port: port, "/v1/connect?user=bob&platform=Web") { client in
            let message = try await client.message()
            #expect(message["type"].string == "welcome")
        }
    }

    @Test("Why it does not start is told, and a reader that does not read it is not waited for")
    func startError() async throws {
        for isFull in [false, true] {
            let folder = try temporaryFolder("log")
            defer { removeFolder(folder) }
            let pipe = try UnreadPipe(in: folder)
            if isFull { pipe.fill() }
            let worker = try pipe.child([PresenceProcess.binary, "serve", "--port", "none"], folder: folder)
            try await eventually(else: "it waits for its reader") { !worker.isRunning }
            #expect(worker.exitStatus == 78)
            #expect(pipe.read().contains("presence: port is") != isFull)
        }
    }

    @Test("Why it does not start is its exit status, also where nobody reads the reason")
    func startErrorUnread() async throws {
        let folder = try temporaryFolder("log")
        defer { removeFolder(folder) }
        let script = #"exec 2> >(true); wait $!; exec "$@""#
        let worker = try ChildProcess(
            ["bash", "-c", script, "bash", PresenceProcess.binary, "serve", "--port", "none"], folder: folder,
            log: "output")
        try await eventually(else: "it does not end") { !worker.isRunning }
        #expect(worker.exitStatus == 78)
    }

    @Test("A worker started without standard error logs into no other file of its own")
    func noStandardError() async throws {
        let folder = try temporaryFolder("log")
        defer { removeFolder(folder) }
        let (port, redis) = (try await FreePort.next(), try await FreePort.next())
        let words = [
            "sh", "-c", #"exec "$@" >&- 2>&-"#, "sh", PresenceProcess.binary, "serve", "--port", "\(port)",
            "--redis-url",
            "redis://127.0.0.1:\(redis)", "--log-level", "trace",
        ]
        let worker = try ChildProcess(words, folder: folder, log: "output")
        let files = "/proc/\(worker.pid)/fd"
        try await eventually(else: "it opens nothing") {
            let sockets = try FileManager.default.contentsOfDirectory(atPath: files)
                .compactMap { try? FileManager.default.destinationOfSymbolicLink(atPath: "\(files)/\($0)") }
            return sockets.contains { $0.contains("eventpoll") }
        }
        for number in 1...2 {
            let file = try FileManager.default.destinationOfSymbolicLink(atPath: "\(files)/\(number)")
            #expect(file == "/dev/null")
        }
        try await worker.end(with: SIGTERM)
    }

    @Test("What is logged is one line, whatever is in it")
    func forgedLine() async throws {
        let folder = try temporaryFolder("log")
        defer { removeFolder(folder) }
        let words = [
            "env", "PRESENCE_X\nforged\r\u{1B}[2K=1", PresenceProcess.binary, "serve", "--port", "0", "--redis-url",
            "redis://127.0.0.1:\(try await FreePort.next())",
        ]
        let worker = try ChildProcess(words, folder: folder, log: "log")
        try await eventually(else: "it does not wait: \(worker.log)") { worker.log.contains("Waiting for Redis") }
        try await worker.end(with: SIGTERM)
        #expect(worker.log.contains(#"variable="PRESENCE_X\nforged\r\u{1b}[2K" [presence] An environment variable"#))
    }
}
