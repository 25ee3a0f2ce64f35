import Crypto

/// A Lua script the server caches under the SHA-1 of its source.
///
/// Scripts are taken to be idempotent: a call whose fate is unknown is repeated.
package struct RedisScript: Sendable {
    /// What people call the script in logs.
    package let name: String
    package let source: String
    /// The lower-case hexadecimal digest EVALSHA takes.
    package let sha1: String

    package init(name: String, source: String) {
        self.name = name
        self.source = source
        self.sha1 = Insecure.SHA1.hash(data: Array(source.utf8)).reduce(into: "") { hex, byte in
            hex += String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
        }
    }
}

/// A script with the keys and arguments of one call. All keys must live on one node.
package struct RedisScriptCall: Sendable {
    package let script: RedisScript
    package let keys: [String]
    package let arguments: [String]
    private let place: String?

    /// - Parameter place: the key whose master runs it; by default the first of its keys.
    package init(_ script: RedisScript, keys: [String], arguments: [String], at place: String? = nil) {
        self.place = place ?? keys.first
        self.script = script
        self.keys = keys
        self.arguments = arguments
    }

    /// The call, answered NOSCRIPT where the script was not loaded.
    var byDigest: RedisCommand {
        RedisCommand(words: ["EVALSHA", script.sha1, String(keys.count)] + keys + arguments, routedBy: place)
    }
}
