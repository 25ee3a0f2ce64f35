import Foundation
import Support
import Testing

@Suite("A service whose Redis speaks TLS", .timeLimit(.minutes(2)))
struct RedisTLSTests {
    @Test("goes on without a restart when the certificates of both sides and their CA are changed")
    func certificates() async throws {
        let (first, next) = (try TestAuthority(), try TestAuthority())
        try await withFolder { folder in
            let files = try first.certificate().write(to: folder)
            let setup = RedisServerTLS(try first.certificate(), demandsClientCertificate: true)
            try await RedisServer.withRedis(["--notify-keyspace-events", "Kxt"], tls: setup) { server in
                let settings = [
                    "redis.ca-file": files.authority, "redis.certificate-file": files.certificate,
                    "redis.key-file": files.key, "shards": "16",
                ]
                try await PresenceProcess.withWorker(redis: server.serviceURL, settings) { worker in
                    let backend = Backend(worker)
                    _ = try await backend.session("ann", "Web")
                    try await server.rotate(to: next.certificate())
                    _ = try next.certificate().write(to: folder)
                    try await killConnections(server)
                    try await eventually(else: "it does not serve: \(worker.log.suffix(1_000))") {
                        try await backend.login("bob", "Web").status == 201
                    }
                    #expect(!worker.log.contains("change-me"))
                    #expect(worker.child.isRunning)
                }
            }
        }
    }

    @Test("goes on without a restart when its password is changed in Redis and in the file of redis.url")
    func password() async throws {
        let authority = try TestAuthority()
        try await withFolder { folder in
            let ca = try authority.certificate().write(to: folder).authority
            let file = "\(folder)/url"
            let setup = RedisServerTLS(try authority.certificate())
            try await RedisServer.withRedis(["--notify-keyspace-events", "Kxt"], tls: setup) { server in
                try write(server.serviceURL, to: file)
                let settings = ["redis.url-file": file, "redis.ca-file": ca, "shards": "16"]
                try await PresenceProcess.withWorker(redis: nil, settings) { worker in
                    let backend = Backend(worker)
                    _ = try await backend.session("ann", "Web")
                    try await server.command("ACL", "SETUSER", "presence", "resetpass", ">hunter2")
                    try await killConnections(server)
                    try await eventually(else: "the old password still does") {
                        let status = try await backend.login("bob", "Web").status
                        return status == 503 && worker.log.contains("Redis refused the login")
                    }
                    try write(server.serviceURL.replacing("change-me", with: "hunter2"), to: file)
                    try await eventually(else: "it does not serve: \(worker.log.suffix(1_000))") {
                        try await backend.login("bob", "Web").status == 201
                    }
                    try FileManager.default.removeItem(atPath: file)
                    try await killConnections(server)
                    try await eventually(else: "it does not serve: \(worker.log.suffix(1_000))") {
                        try await backend.login("cid", "Web").status == 201
                    }
                    #expect(worker.log.contains("cannot be read anew: the last good login is used"))
                    #expect(!worker.log.contains("change-me") && !worker.log.contains("hunter2"))
                }
            }
        }
    }

    private func killConnections(_ server: RedisServer) async throws {
        for kind in ["normal", "pubsub"] { try await server.command("CLIENT", "KILL", "TYPE", kind) }
    }

    private func write(_ text: String, to path: String) throws {
        try Data(text.utf8).write(to: URL(filePath: path), options: .atomic)
    }

    private func withFolder(_ body: (String) async throws -> Void) async throws {
        let folder = try temporaryFolder("tls")
        defer { removeFolder(folder) }
        try await body(folder)
    }
}
