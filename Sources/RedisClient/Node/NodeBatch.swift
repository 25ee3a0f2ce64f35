import NIOCore

/// The commands of a call that go to one node together, in their order, and what has to be sent between them.
struct NodeBatch {
    private enum Reply {
        case attempt(Int)
        /// That of a script's loading: what it says of a script that was refused stands for its calls.
        case load(sha1: String)
        case none
    }

    private(set) var bytes = ByteBuffer()
    private var replies: [Reply] = []
    private var loaded: Set<String> = []

    var replyCount: Int { replies.count }

    /// - Parameter index: of the attempt in its round.
    mutating func append(_ attempt: RedisCall.Attempt, _ index: Int, of commands: RedisPipeline) {
        if attempt.loadsScript, let script = commands.script(of: attempt.position),
            loaded.insert(script.sha1).inserted
        {
            append(RedisCommand(keyless: "SCRIPT", "LOAD", script.source), .load(sha1: script.sha1))
        }
        if case .server(_, asking: true) = attempt.place { append(RedisCommand(keyless: "ASKING"), .none) }
        commands.write(attempt.position, to: &bytes)
        replies.append(.attempt(index))
    }

    private mutating func append(_ command: RedisCommand, _ reply: Reply) {
        bytes.writeImmutableBuffer(RedisPipeline([command]).bytes)
        replies.append(reply)
    }

    /// Hands the outcome of each attempt over.
    func deliver(
        _ results: [RedisResult], of attempts: [RedisCall.Attempt], of commands: RedisPipeline,
        to receive: (Int, RedisResult) -> Void
    ) {
        var refusals: [String: RedisResult] = [:]
        for (reply, result) in zip(replies, results) {
            switch reply {
            case .none: continue
            case .load(let sha1): if result.rejection != nil { refusals[sha1] = result }
            case .attempt(let index):
                let script = result.rejection == .noScript ? commands.script(of: attempts[index].position) : nil
                receive(index, script.flatMap { refusals[$0.sha1] } ?? result)
            }
        }
    }
}
