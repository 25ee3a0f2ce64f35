import Foundation

/// What a server is started as, beside its port and folder.
struct RedisServerSetup: Sendable {
    var host = "127.0.0.1"
    var arguments: [String] = []
    var tls: RedisServerTLS?
    /// Of the default user, which replicas use too; nil leaves it open.
    var password: String?
    /// Of the bus, for a node of a cluster.
    var busPort: Int?
    /// The lines of a sentinel's configuration, which it rewrites; nil for a server that holds data.
    var sentinel: [String]?
    /// Words that start it.
    var launcher: [String] = []

    func arguments(port: Int, folder: String) -> [String] {
        let place = ["--bind", host, "--unixsocket", "\(folder)/redis.sock", "--dir", folder]
        let ports = tls.map { $0.arguments(port: port, folder: folder) } ?? ["--port", "\(port)"]
        if sentinel != nil { return ["\(folder)/sentinel.conf", "--sentinel"] + place + ports + arguments }
        let login = password.map { ["--requirepass", $0, "--masterauth", $0] } ?? []
        let service = ["--user", "presence", "on", ">change-me"] + RedisServer.serviceRules
        let cluster = busPort.map { ["--cluster-enabled", "yes", "--cluster-port", "\($0)"] } ?? []
        return place + ports + ["--save", ""] + login + service + cluster + arguments
    }

    /// Puts the files the arguments name into the folder.
    func write(to folder: String) throws {
        try tls?.write(to: folder)
        guard let sentinel else { return }
        let lines = sentinel + (password.map { ["requirepass \($0)"] } ?? [])
        let text = lines.joined(separator: "\n") + "\n"
        try Data(text.utf8).write(to: URL(filePath: "\(folder)/sentinel.conf"))
    }
}
