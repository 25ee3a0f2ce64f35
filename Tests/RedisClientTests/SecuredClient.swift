import NIOCore
import NIOPosix
import RedisClient
import Support

extension RedisClient {
    /// Runs the body beside a client that uses these files.
    static func use<Result: Sendable>(
        _ url: String, _ tls: RedisTLS, log: LogRecorder = LogRecorder(), body: (RedisClient) async throws -> Result
    ) async throws -> Result {
        var options = RedisClientOptions()
        options.tls = tls
        return try await use(RedisEndpoint(url), options, log: log, body: body)
    }

    /// The same for a client with a single connection to each server, so that which one it is can be told.
    static func use<Result: Sendable>(
        _ endpoint: RedisEndpoint, _ options: RedisClientOptions, log: LogRecorder,
        body: (RedisClient) async throws -> Result
    ) async throws -> Result {
        let client = RedisClient(
            endpoint: endpoint, eventLoopGroup: MultiThreadedEventLoopGroup.singleton.next(), options: options,
            logger: log.logger)
        return try await withThrowingTaskGroup { tasks in
            tasks.addTask { await client.run() }
            defer { tasks.cancelAll() }
            return try await body(client)
        }
    }
}

extension TestAuthority {
    /// Runs the body beside files with this CA, and with a certificate of ours, if there is one.
    func withFiles(ours certificate: TestCertificate? = nil, body: (RedisTLS) async throws -> Void) async throws {
        try await withTemporaryFolder { folder in
            let files = try (certificate ?? self.certificate()).write(to: folder)
            var tls = RedisTLS(authorityFile: files.authority)
            if certificate != nil { (tls.certificateFile, tls.keyFile) = (files.certificate, files.key) }
            try await body(tls)
        }
    }
}

func withTemporaryFolder<Result>(_ body: (String) async throws -> Result) async throws -> Result {
    let folder = try temporaryFolder("tls")
    defer { removeFolder(folder) }
    return try await body(folder)
}
