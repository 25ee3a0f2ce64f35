import NIOCore
import NIOPosix

/// The connections to the receiver. Only used on their event loop.
final class ReceiverPool {
    /// A connection nobody used for as long is closed.
    private static let idleMax = TimeAmount.seconds(60)

    private let eventLoop: any EventLoop
    private let receiver: ReceiverAddress
    /// How many connections are kept once they were answered. More are opened where all of these are taken by answers
    /// whose rest still comes in, one for each request; the caller bounds those.
    private let connectionsMax: Int

    private var connections: [ObjectIdentifier: ReceiverConnection] = [:]
    /// The one used last is used next, so that what is too many falls idle.
    private var free: [ReceiverConnection] = []
    private var isClosed = false
    /// Fires at the first deadline of all connections, or before.
    private var timer: (at: NIODeadline, task: Scheduled<Void>)?

    init(eventLoop: any EventLoop, receiver: ReceiverAddress, connectionsMax: Int) {
        self.eventLoop = eventLoop
        self.receiver = receiver
        self.connectionsMax = connectionsMax
    }

    func send(_ exchange: Exchange) {
        if let connection = free.popLast() { return send(exchange, on: connection) }
        guard !isClosed else { return exchange.answer.resume(returning: .closed) }
        connect(exchange)
    }

    private func send(_ exchange: Exchange, on connection: ReceiverConnection) {
        connection.send(exchange)
        watch(exchange.deadline)
    }

    private func connect(_ exchange: Exchange) {
        let left = exchange.deadline - .now()
        guard left > .zero else { return exchange.answer.resume(returning: .timeout) }
        let pool = NIOLoopBound(self, eventLoop: eventLoop)
        ClientBootstrap(group: eventLoop)
            .connectTimeout(left)
            .channelInitializer { [receiver] channel in
                channel.eventLoop.makeCompletedFuture {
                    try receiver.configure(channel.pipeline.syncOperations, ReceiverConnection(pool: pool.value))
                }
            }
            .connect(host: receiver.host, port: receiver.port)
            .flatMapThrowing { try $0.pipeline.syncOperations.handler(type: ReceiverConnection.self) }
            .assumeIsolated()
            .whenComplete { self.connected($0, exchange) }
    }

    private func connected(_ result: Result<ReceiverConnection, any Error>, _ exchange: Exchange) {
        switch result {
        case .success(let connection):
            connections[ObjectIdentifier(connection)] = connection
            send(exchange, on: connection)
            if isClosed { connection.abandon(.closed) }
        case .failure(let error):
            exchange.answer.resume(returning: ReceiverAnswer(error))
        }
    }

    /// Ends all connections, at once.
    func close() {
        isClosed = true
        free = []
        for connection in connections.values { connection.abandon(.closed) }
        timer?.task.cancel()
        timer = nil
    }
}

/// What connections tell.
extension ReceiverPool {
    /// Whether a connection that was answered may be kept.
    var hasRoom: Bool { connections.count <= connectionsMax }

    func freed(_ connection: ReceiverConnection) {
        connection.deadline = .now() + Self.idleMax
        free.append(connection)
    }

    func lost(_ connection: ReceiverConnection) {
        connections[ObjectIdentifier(connection)] = nil
        free.removeAll { $0 === connection }
    }
}

/// One timer for all deadlines: connections are few, so looking at each when it fires is cheaper than a timer for
/// every request.
extension ReceiverPool {
    private func watch(_ deadline: NIODeadline) {
        guard timer.map({ deadline < $0.at }) ?? true else { return }
        timer?.task.cancel()
        let task = eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { self.expire() }
        timer = (deadline, task)
    }

    private func expire() {
        timer = nil
        let now = NIODeadline.now()
        let late = connections.values.filter { $0.deadline <= now }
        free.removeAll { $0.deadline <= now }
        for connection in late { connection.abandon(.timeout) }
        // Those are no longer among them, or will not be before anything else happens.
        if let next = connections.values.map(\.deadline).filter({ $0 > now }).min() { watch(next) }
    }
}
