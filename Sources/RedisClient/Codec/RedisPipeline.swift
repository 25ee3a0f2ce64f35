import NIOCore

/// Commands that are sent together, encoded as they are added.
package struct RedisPipeline: Sendable {
    private struct Command {
        var end: Int
        /// Where its key stands in a cluster; nil for a command any master may answer.
        var slot: UInt16?
    }

    private(set) var bytes = ByteBuffer()
    /// Whether sending all of it a second time does no harm.
    private(set) var isIdempotent = true
    private var commands: [Command] = []
    /// Of each command, where they are calls of scripts; else empty.
    private var scripts: [RedisScript] = []

    /// - Parameter commands: how many are about to be added.
    package init(commands: Int) {
        self.commands.reserveCapacity(commands)
        // One makes room for itself.
        if commands > 1 { bytes.reserveCapacity(commands * Self.bytesUsual) }
    }

    package init(_ commands: [RedisCommand]) {
        self.init(commands: commands.count)
        for command in commands { append(command) }
    }

    package init(_ calls: [RedisScriptCall]) {
        self.init(commands: calls.count)
        scripts.reserveCapacity(calls.count)
        for call in calls {
            append(call.byDigest)
            scripts.append(call.script)
        }
    }

    /// What a command that names a key usually takes, so that many of them are written without moving them.
    private static let bytesUsual = 128

    package var count: Int { commands.count }

    mutating func append(_ command: RedisCommand) {
        if !command.isIdempotent { isIdempotent = false }
        RESPEncoder.write(words: command.words.count, wordBytes: command.wordBytes, to: &bytes) { encoder in
            for word in command.words { encoder.word(word) }
        }
        commands.append(Command(end: bytes.writerIndex, slot: command.key.map { UInt16(HashSlot.of($0)) }))
    }

    /// `name key`, or `name key argument`, to be repeated where that helps.
    package mutating func append(_ name: String, key: RedisKey, _ argument: String? = nil) {
        let wordBytes = name.utf8.count + key.bytesCount + (argument?.utf8.count ?? 0)
        RESPEncoder.write(words: argument == nil ? 2 : 3, wordBytes: wordBytes, to: &bytes) { encoder in
            encoder.word(name)
            encoder.word(key)
            if let argument { encoder.word(argument) }
        }
        commands.append(Command(end: bytes.writerIndex, slot: key.slot))
    }

    /// Where the key of a command stands in a cluster; nil for a command any master may answer.
    func slot(of position: Int) -> Int? { commands[position].slot.map(Int.init) }

    /// The script a command calls; nil for another command.
    func script(of position: Int) -> RedisScript? { scripts.isEmpty ? nil : scripts[position] }

    /// Appends the bytes of one command.
    func write(_ position: Int, to buffer: inout ByteBuffer) {
        let begin = position == 0 ? bytes.readerIndex : commands[position - 1].end
        guard let command = bytes.viewBytes(at: begin, length: commands[position].end - begin) else {
            preconditionFailure("a pipeline holds the bytes of its commands")
        }
        buffer.writeBytes(command)
    }
}

/// The name of a key in the parts it is made of, which are joined only where it is written.
package struct RedisKey: Sendable, CustomStringConvertible {
    let parts: (String, String, String, String)
    let slot: UInt16

    /// - Parameter slot: the `HashSlot` of the whole name.
    package init(slot: UInt16, _ first: String, _ second: String, _ third: String = "", _ fourth: String = "") {
        parts = (first, second, third, fourth)
        self.slot = slot
    }

    package var description: String { parts.0 + parts.1 + parts.2 + parts.3 }

    var bytesCount: Int { parts.0.utf8.count + parts.1.utf8.count + parts.2.utf8.count + parts.3.utf8.count }
}

extension RedisCommand {
    fileprivate var wordBytes: Int { words.reduce(0) { $0 + $1.utf8.count } }
}
