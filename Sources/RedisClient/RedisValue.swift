/// One reply of the server.
package enum RedisValue: Sendable, Equatable {
    case null
    case integer(Int64)
    /// A bulk or simple string. Bytes that are not UTF-8 are repaired, not kept.
    case string(String)
    case array([RedisValue])
    /// An error reply. `RedisClient/send(_:)` throws it; inside a pipeline and inside an array it is a value.
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

    package var error: RedisReplyError? {
        guard case .error(let error) = self else { return nil }
        return error
    }

    /// The value, unless it is an error reply.
    /// - Throws: `RedisError` with the code `rejected`.
    package func checked() throws(RedisError) -> RedisValue {
        if let error { throw RedisError(error) }
        return self
    }
}
