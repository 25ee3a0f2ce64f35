import NIOCore
import Testing

@testable import RedisClient

@Suite struct CommandQueueTests {
    private typealias Queue = CommandQueue<String>

    private func batch(_ name: String, replies: Int = 1, deadline: Int64 = 100) -> Queue.Batch {
        Queue.Batch(
            token: name, bytes: ByteBuffer(string: name), replyCount: replies,
            deadline: .uptimeNanoseconds(UInt64(deadline)))
    }

    private func connected(commandsMax: Int = 10) -> Queue {
        var queue = Queue(commandsMax: commandsMax, patience: .nanoseconds(50))
        _ = queue.greet(with: batch("hello"))
        _ = queue.receive([.success(.string("OK"))])
        queue.greeted()
        return queue
    }

    @Test("What is queued in one turn is one write, in order")
    func oneWrite() {
        var queue = connected()
        #expect(queue.enqueue(batch("a")) == .write)
        #expect(queue.enqueue(batch("b", replies: 2)) == .write)
        #expect(queue.write() == ByteBuffer(string: "ab"))
        #expect(queue.write() == nil)
        #expect(
            queue.receive([.success(.integer(1)), .success(.integer(2))])
                == .init(answered: [("a", [.success(.integer(1))])]))
        #expect(
            queue.receive([.success(.integer(3))])
                == .init(answered: [("b", [.success(.integer(2)), .success(.integer(3))])]))
    }

    @Test("Replies that arrive together go to all whose commands they complete")
    func oneRead() {
        var queue = connected()
        for name in ["a", "b", "c"] { _ = queue.enqueue(batch(name, replies: 2)) }
        _ = queue.write()
        #expect(queue.receive([.success(.integer(1))]) == .init())
        #expect(
            queue.receive([.success(.integer(2)), .success(.integer(3)), .success(.integer(4)), .success(.integer(5))])
                == .init(answered: [
                    ("a", [.success(.integer(1)), .success(.integer(2))]),
                    ("b", [.success(.integer(3)), .success(.integer(4))]),
                ]))
        let last = queue.receive([.success(.integer(6)), .success(.integer(7))])
        #expect(last == .init(answered: [("c", [.success(.integer(5)), .success(.integer(6))])], close: true))
    }

    @Test("Commands wait for the connection and for its greeting")
    func greeting() {
        var queue = Queue(commandsMax: 10, patience: .nanoseconds(50))
        #expect(queue.enqueue(batch("early")) == .wait)
        #expect(queue.write() == nil)
        #expect(queue.greet(with: batch("hello")) == ByteBuffer(string: "hello"))
        #expect(queue.write() == nil)
        #expect(queue.receive([.success(.string("OK"))]) == .init(answered: [("hello", [.success(.string("OK"))])]))
        queue.greeted()
        #expect(queue.write() == ByteBuffer(string: "early"))
    }

    @Test("A refused greeting ends those who wait, and those who come, at once, until another one is accepted")
    func refused() {
        var queue = Queue(commandsMax: 10, patience: .nanoseconds(50))
        let refusal = RedisError(RedisReplyError(message: "WRONGPASS"))
        _ = queue.enqueue(batch("early"))
        _ = queue.greet(with: batch("hello"))
        _ = queue.receive([.failure(refusal)])
        #expect(queue.failed(refusal, now: .uptimeNanoseconds(1)) == ["early"])
        #expect(queue.disconnected(now: .uptimeNanoseconds(1)) == [])
        #expect(queue.enqueue(batch("late")) == .refuse(refusal))
        _ = queue.greet(with: batch("hello"))
        #expect(queue.enqueue(batch("again")) == .refuse(refusal))
        _ = queue.receive([.success(.string("OK"))])
        queue.greeted()
        #expect(queue.enqueue(batch("at last")) == .write)
    }

    @Test("Commands wait for a server that is away, but not for one that stays away")
    func patience() {
        var queue = connected()
        _ = queue.disconnected(now: .uptimeNanoseconds(100))
        #expect(queue.enqueue(batch("a", deadline: 1_000)) == .wait)
        #expect(queue.failed(.unreachable, now: .uptimeNanoseconds(149)) == [])
        #expect(queue.enqueue(batch("b", deadline: 1_000)) == .wait)
        #expect(queue.failed(.unreachable, now: .uptimeNanoseconds(150)) == ["a", "b"])
        #expect(queue.enqueue(batch("c")) == .refuse(.unreachable))
        _ = queue.greet(with: batch("hello"))
        #expect(queue.enqueue(batch("d")) == .refuse(.unreachable))
        _ = queue.disconnected(now: .uptimeNanoseconds(200))
        #expect(queue.enqueue(batch("e")) == .refuse(.unreachable))
    }

    @Test("After a loss the written are unknown and the others wait for the next connection")
    func loss() {
        var queue = connected()
        _ = queue.enqueue(batch("written", replies: 2))
        _ = queue.write()
        _ = queue.receive([.success(.integer(1))])
        _ = queue.enqueue(batch("waiting"))
        #expect(queue.disconnected(now: .uptimeNanoseconds(100)) == ["written"])
        #expect(queue.write() == nil)
        _ = queue.greet(with: batch("hello"))
        #expect(queue.receive([.success(.string("OK"))]) == .init(answered: [("hello", [.success(.string("OK"))])]))
        queue.greeted()
        #expect(queue.write() == ByteBuffer(string: "waiting"))
        #expect(queue.receive([.success(.integer(2))]) == .init(answered: [("waiting", [.success(.integer(2))])]))
    }

    @Test("A waiting command past its deadline was not sent; a written one closes the connection")
    func deadlines() {
        var queue = Queue(commandsMax: 10, patience: .nanoseconds(50))
        _ = queue.enqueue(batch("a", deadline: 10))
        _ = queue.enqueue(batch("b", deadline: 20))
        #expect(queue.nextDeadline == .uptimeNanoseconds(10))
        #expect(queue.expire(now: .uptimeNanoseconds(9)) == .init(notSent: [], close: false))
        #expect(queue.expire(now: .uptimeNanoseconds(10)) == .init(notSent: ["a"], close: false))
        _ = queue.greet(with: batch("hello", deadline: 15))
        #expect(queue.nextDeadline == .uptimeNanoseconds(15))
        #expect(queue.expire(now: .uptimeNanoseconds(15)) == .init(notSent: [], close: true))
        #expect(queue.disconnected(now: .uptimeNanoseconds(100)) == ["hello"])
        #expect(queue.expire(now: .uptimeNanoseconds(20)) == .init(notSent: ["b"], close: false))
        #expect(queue.nextDeadline == nil)
    }

    @Test("At the cap a batch is refused at once; every end of a command makes room")
    func cap() {
        var queue = connected(commandsMax: 2)
        #expect(queue.enqueue(batch("a", replies: 2)) == .write)
        #expect(queue.enqueue(batch("b")) == .refuse(.queueFull))
        _ = queue.write()
        #expect(queue.enqueue(batch("b")) == .refuse(.queueFull))
        _ = queue.disconnected(now: .uptimeNanoseconds(100))
        #expect(queue.enqueue(batch("c", replies: 2, deadline: 1)) == .wait)
        _ = queue.expire(now: .uptimeNanoseconds(1))
        #expect(queue.enqueue(batch("d", replies: 2)) == .wait)
        _ = queue.end(with: .clientClosed)
        #expect(queue.enqueue(batch("e")) == .refuse(.clientClosed))
    }

    @Test("A reply nobody asked for ends the connection")
    func unasked() {
        var queue = connected()
        #expect(queue.receive([.success(.integer(1))]) == .init(close: true))
    }

    @Test("A shutdown waits for what an open connection owes and gives up what needs another")
    func shutdown() {
        var open = connected()
        _ = open.enqueue(batch("a"))
        _ = open.write()
        _ = open.enqueue(batch("b"))
        #expect(open.end(with: .clientClosed) == [])
        #expect(!open.isDrained)
        #expect(open.write() == ByteBuffer(string: "b"))
        _ = open.receive([.success(.integer(1))])
        _ = open.receive([.success(.integer(2))])
        #expect(open.isDrained)

        var down = Queue(commandsMax: 10, patience: .nanoseconds(50))
        _ = down.enqueue(batch("a"))
        #expect(down.end(with: .clientClosed) == ["a"])
        #expect(down.isDrained)
    }

    @Test("A connection lost during a shutdown leaves nobody waiting")
    func shutdownThenLoss() {
        var queue = connected()
        _ = queue.enqueue(batch("written"))
        _ = queue.write()
        _ = queue.enqueue(batch("waiting"))
        _ = queue.end(with: .clientClosed)
        #expect(queue.disconnected(now: .uptimeNanoseconds(100)) == ["written"])
        #expect(queue.end(with: .clientClosed) == ["waiting"])
    }
}

extension CommandQueue.EnqueueAction: Equatable {
    public static func == (one: Self, other: Self) -> Bool {
        switch (one, other) {
        case (.write, .write), (.wait, .wait): true
        case (.refuse(let one), .refuse(let other)): one.message == other.message
        default: false
        }
    }
}

extension CommandQueue.ReceiveAction: Equatable where Token: Equatable {
    public static func == (one: Self, other: Self) -> Bool {
        one.close == other.close
            && one.answered.elementsEqual(other.answered) { $0.token == $1.token && $0.replies == $1.replies }
    }
}

extension RedisError: Equatable {
    public static func == (one: Self, other: Self) -> Bool { one.code == other.code && one.message == other.message }
}

extension CommandQueue.ExpireAction: Equatable where Token: Equatable {
    public static func == (one: Self, other: Self) -> Bool {
        one.notSent == other.notSent && one.close == other.close
    }
}
