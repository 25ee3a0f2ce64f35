/// What became of one command: its reply, or why it has none, an error reply among the reasons.
package typealias RedisResult = Result<RedisValue, RedisError>

extension RedisResult {
    init(reply: RedisValue) {
        self = if case .error(let error) = reply { .failure(RedisError(error)) } else { .success(reply) }
    }

    var isNotSent: Bool {
        if case .failure(let error) = self { error.code == .notSent } else { false }
    }

    var isAnswer: Bool {
        if case .success = self { true } else { false }
    }

    /// What kind of error the server answered with; nil for other outcomes.
    package var rejection: RedisReplyError.Kind? {
        guard case .failure(let error) = self, case .rejected(let kind) = error.code else { return nil }
        return kind
    }
}

/// One reply of the server.
package enum RedisValue: Sendable, Equatable {
    case null
    case integer(Int64)
    /// A bulk or simple string. Bytes that are not UTF-8 are repaired, not kept.
    case string(String)
    case array([RedisValue])
    /// An error inside an array. One that is the whole reply is the failure of its command.
    case error(RedisReplyError)

    package var string: String? {
        guard case .string(let string) = self else { return nil }
        return string
    }

    /// The integer, also when it came as a string of digits, as Redis writes the numbers of a hash.
    package var int: Int64? {
        switch self {
        case .integer(let integer): integer
        case .string(let string): Int64(string)
        default: nil
        }
    }

    package var array: [RedisValue]? {
        guard case .array(let array) = self else { return nil }
        return array
    }
}
