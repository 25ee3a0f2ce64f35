/// How people reach the same servers.
extension RedisClient {
    /// The words of a shell with which redis-cli talks to the master that has this slot now: the program and its
    /// options, each quoted where it has to be. A password is not among them: redis-cli takes it from REDISCLI_AUTH.
    package func redisCLI(slot: Int) -> String {
        let address = master(of: slot) ?? endpoint.firstServer
        var words = ["redis-cli"]
        switch address {
        case .unix(let path): words += ["-s", path]
        case .tcp(let host, let port): words += ["-h", host, "-p", String(port)]
        }
        if endpoint.database != 0 { words += ["-n", String(endpoint.database)] }
        if isCluster { words.append("-c") }
        if let user = endpoint.login?.user { words += ["--user", user] }
        if endpoint.isEncrypted {
            words.append("--tls")
            for (flag, value) in [
                ("--cacert", options.tls.authorityFile), ("--cert", options.tls.certificateFile),
                ("--key", options.tls.keyFile), ("--sni", options.tls.serverName),
            ] {
                if let value { words += [flag, value] }
            }
        }
        return words.map(\.shellQuoted).joined(separator: " ")
    }

    /// Whether redis-cli has to be given a password in REDISCLI_AUTH.
    package var needsPassword: Bool { endpoint.login != nil }
}

extension RedisEndpoint {
    fileprivate var firstServer: RedisAddress {
        switch servers {
        case .single(let address): address
        case .sentinels(let servers, _), .cluster(let servers): servers.first ?? .tcp(host: "127.0.0.1", port: 6379)
        }
    }
}

extension String {
    /// As one word of a shell, in quotes only where it needs them.
    package var shellQuoted: String {
        let isPlain = utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: "-_./:,+=@%".utf8.contains(byte)
            }
        }
        if isPlain, !isEmpty { return self }
        // Not by characters: a quote and an accent after it are one that is no quote.
        let pieces = unicodeScalars.split(separator: "'", omittingEmptySubsequences: false).map { String($0) }
        return "'" + pieces.joined(separator: #"'\''"#) + "'"
    }
}
