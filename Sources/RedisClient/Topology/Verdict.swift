/// What an outcome of a command asks for: the one place that tells replies apart.
enum Verdict: Equatable {
    /// It stands, as an answer or as a failure.
    case stands
    /// To be tried again, after a pause. What reached no server, or broke its connection, is counted: a command that
    /// itself breaks connections must not break them for long.
    case again(isCounted: Bool)
    /// Another server has the key, or, asking, will have it soon.
    case redirect(RedisAddress, asking: Bool)
    /// The server does not know the script yet.
    case load

    /// - Parameters:
    ///   - isIdempotent: whether doing it a second time does no harm.
    ///   - asked: the server that answered, of whose host a redirection may not tell the name; nil where there is only
    ///     one, and nowhere to be redirected to.
    init(_ result: RedisResult, isIdempotent: Bool, asked: RedisAddress?) {
        guard case .failure(let error) = result else {
            self = .stands
            return
        }
        switch error.code {
        case .notSent: self = .again(isCounted: true)
        case .unserved: self = .again(isCounted: false)
        case .unknown: self = isIdempotent ? .again(isCounted: true) : .stands
        case .rejected(.noScript): self = .load
        case .rejected(.moved), .rejected(.ask):
            let reply = error.underlying as? RedisReplyError
            let target = asked.flatMap { asked in reply.flatMap { Redirection($0.message, from: asked) } }
            self = target.map { .redirect($0.address, asking: $0.isAsk) } ?? .stands
        case .rejected(let kind): self = kind.passesSoon ? .again(isCounted: false) : .stands
        case .invalidConfiguration, .unsupportedServer, .closed: self = .stands
        }
    }
}

/// `MOVED 3999 127.0.0.1:6381`, and the same with ASK.
struct Redirection: Equatable {
    let slot: Int
    let address: RedisAddress
    let isAsk: Bool

    /// - Parameter asked: whose host is meant where the message names none.
    init?(_ message: String, from asked: RedisAddress) {
        let words = message.split(separator: " ")
        guard words.count == 3, let slot = Int(words[1]), 0..<HashSlot.count ~= slot,
            let colon = words[2].lastIndex(of: ":"), let port = Int(words[2][words[2].index(after: colon)...])
        else { return nil }
        var host = words[2][..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        guard let address = RedisAddress(host: String(host), port: port, toldBy: asked) else { return nil }
        self.slot = slot
        self.address = address
        isAsk = words[0] == "ASK"
    }
}
