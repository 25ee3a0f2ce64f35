import Synchronization

/// Hands every event to all readers.
final class EventReaders: Sendable {
    private struct State {
        var readers: [Int: AsyncStream<PresenceClient.Event>.Continuation] = [:]
        var nextReader = 0
        /// How things stand: the latest event that is no heartbeat.
        var latest: PresenceClient.Event?
    }

    private let state = Mutex(State())

    /// A reader who hears how things stand, then everything; forgotten when it reads no more.
    func add() -> AsyncStream<PresenceClient.Event> {
        let (events, reader) = AsyncStream.makeStream(
            of: PresenceClient.Event.self, bufferingPolicy: .bufferingNewest(ClientLimits.eventsBufferedMax))
        state.withLock { state in
            if let latest = state.latest { reader.yield(latest) }
            guard state.latest?.isFinal != true else { return reader.finish() }
            let number = state.nextReader
            state.nextReader += 1
            state.readers[number] = reader
            reader.onTermination = { [weak self] _ in self?.remove(number) }
        }
        return events
    }

    /// Not to be called by two at once: then readers could hear different orders.
    func send(_ event: PresenceClient.Event) {
        let readers = state.withLock { state in
            if case .heartbeat = event {} else { state.latest = event }
            return Array(state.readers.values)
        }
        for reader in readers {
            reader.yield(event)
            if event.isFinal { reader.finish() }
        }
    }

    private func remove(_ number: Int) { state.withLock { $0.readers[number] = nil } }
}
