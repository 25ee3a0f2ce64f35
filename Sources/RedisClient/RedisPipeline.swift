import NIOCore

/// Commands that are sent in one write, encoded as they are added.
package struct RedisPipeline: Sendable {
    private(set) var bytes = ByteBuffer()
    /// Whether sending all of it a second time does no harm.
    private(set) var isIdempotent = true
    /// Where each command ends.
    private var ends: [Int] = []

    /// - Parameter commands: how many are about to be added.
    package init(commands: Int) {
        ends.reserveCapacity(commands)
        // One makes room for itself.
        if commands > 1 { bytes.reserveCapacity(commands * Self.bytesUsual) }
    }

    package init(_ commands: [RedisCommand]) {
        self.init(commands: commands.count)
        for command in commands { append(command) }
    }

    /// What a command that names a key usually takes, so that many of them are written without moving them.
    private static let bytesUsual = 128

    var count: Int { ends.count }

    mutating func append(_ command: RedisCommand) {
        if !command.isIdempotent { isIdempotent = false }
        RESPEncoder.write(words: command.words.count, wordBytes: command.wordBytes, to: &bytes) { encoder in
            for word in command.words { encoder.word(word) }
        }
        ends.append(bytes.writerIndex)
    }

    /// `name key`, or `name key argument`, to be repeated where that helps.
    package mutating func append(_ name: String, key: RedisKey, _ argument: String? = nil) {
        let wordBytes = name.utf8.count + key.bytesCount + (argument?.utf8.count ?? 0)
        RESPEncoder.write(words: argument == nil ? 2 : 3, wordBytes: wordBytes, to: &bytes) { encoder in
            encoder.word(name)
            encoder.word(key)
            if let argument { encoder.word(argument) }
        }
        ends.append(bytes.writerIndex)
    }

    /// Those at these positions, in this order.
    func commands(at positions: [Int]) -> RedisPipeline {
        var pipeline = RedisPipeline(commands: positions.count)
        pipeline.isIdempotent = isIdempotent
        for position in positions {
            let begin = position == 0 ? bytes.readerIndex : ends[position - 1]
            guard let command = bytes.getSlice(at: begin, length: ends[position] - begin) else {
                preconditionFailure("a pipeline holds the bytes of its commands")
            }
            pipeline.bytes.writeImmutableBuffer(command)
            pipeline.ends.append(pipeline.bytes.writerIndex)
        }
        return pipeline
    }
}

/// The name of a key in the parts it is made of, which are joined only where it is written.
package struct RedisKey: Sendable, CustomStringConvertible {
    let parts: (String, String, String, String)

    package init(_ first: String, _ second: String, _ third: String = "", _ fourth: String = "") {
        parts = (first, second, third, fourth)
    }

    package var description: String { parts.0 + parts.1 + parts.2 + parts.3 }

    var bytesCount: Int { parts.0.utf8.count + parts.1.utf8.count + parts.2.utf8.count + parts.3.utf8.count }
}

extension RedisCommand {
    fileprivate var wordBytes: Int { words.reduce(0) { $0 + $1.utf8.count } }
}
