/// One command, ready to be sent any number of times.
///
/// Every command names the key it is routed by, so that a client of several nodes can find
/// the one that holds it.
package struct RedisCommand: Sendable {
    /// The command's name followed by its arguments.
    package let words: [String]

    /// The key that decides the node; nil for a command any node may answer.
    package let key: String?

    /// Whether sending the command a second time does no harm. The client repeats an idempotent
    /// command when the fate of the first attempt is unknown.
    package private(set) var isIdempotent = true

    /// A command whose words do not have the key in second place, such as XREAD.
    package init(words: [String], routedBy key: String?) {
        self.words = words
        self.key = key
    }

    /// `name key argument ...`, the order most commands have.
    package init(_ name: String, key: String, _ arguments: [String]) {
        self.init(words: [name, key] + arguments, routedBy: key)
    }

    /// `name key argument ...`, the order most commands have.
    package init(_ name: String, key: String, _ arguments: String...) {
        self.init(name, key: key, arguments)
    }

    /// A command about a node rather than a key, such as PING or INFO.
    package init(keyless name: String, _ arguments: [String]) {
        self.init(words: [name] + arguments, routedBy: nil)
    }

    /// A command about a node rather than a key, such as PING or INFO.
    package init(keyless name: String, _ arguments: String...) {
        self.init(keyless: name, arguments)
    }

    /// The same command, never repeated once it may have reached the server.
    package var once: RedisCommand {
        var command = self
        command.isIdempotent = false
        return command
    }
}
