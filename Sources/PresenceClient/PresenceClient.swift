import NIOCore

// A client of the presence service's gateway, for apps and bots: one user on one device, over a WebSocket.
//
// Promises: the device is Online from `connected` until the client ends; heartbeats go out by themselves; a lost
// connection is taken up again with growing, random pauses, resuming the session; a way that has died silently is
// noticed before the service takes the device for lost; an end that is final (kicked, refused, logged out) is told and obeyed.
// Does not: keep the session when the process ends, or start anew after a final end (make another client).

/// Keeps one device of one user present. Ends when it is closed or no longer referenced.
public final class PresenceClient: Sendable {
    private let readers: EventReaders
    private let connection: PresenceConnection

    public init(_ configuration: Configuration) {
        let readers = EventReaders()
        self.readers = readers
        connection = PresenceConnection(configuration) { readers.send($0) }
    }

    /// What happens from now on, after how things stand; finishes after the event that `isFinal`. Every use is a reader
    /// of its own, who keeps the latest 64 events until they are read; none keeps the client alive.
    public var events: AsyncStream<Event> { readers.add() }

    deinit { connection.close() }

    /// Connects, and again after every loss. Only the first call counts.
    public func start() { connection.start() }

    /// Comes back now and not after the pause, if it is in one; a connection that looks open has 5 s to show that it is.
    /// For apps that hear that the network is there again, or that come to the foreground.
    public func hurry() { connection.hurry() }

    /// Logs the device out: it is Offline when this returns, and the client has ended. One that is offline comes back at
    /// once to do so, if it has a session. Harmless to repeat.
    /// - Throws: if it is not known whether the session has ended: because that was not recorded within 10 s (the client
    ///   then goes on as before, call again later), or because the client is refused or was closed.
    public func logout() async throws(PresenceClientError) { try await connection.logout() }

    /// Ends the client without a logout: the device becomes PushOnline where its platform has push, else Offline.
    public func close() { connection.close() }
}
