import NIOCore

/// What one connection may make the server keep, and for how long.
package struct HTTPServerLimits: Sendable {
    /// The lines of a head together, and those of trailers and extensions of chunks; a longer one is answered 431.
    package var headBytesMax = 32 << 10
    package var headerFieldsMax = 100
    /// A longer body is answered 413.
    package var bodyBytesMax = 1 << 20
    /// Requests read ahead while an answer is due; with so many, or `bodyBytesMax` of their bodies, reading pauses.
    package var requestsAheadMax = 64
    /// Bytes that wait meanwhile. Of a client that closes its side NIO reads all that is in the kernel, pause or not:
    /// with more, what stands in them is dropped.
    package var bytesAheadMax = 64 << 10
    /// Connections the kernel keeps until they are accepted, as far as it may (`net.core.somaxconn`): a client that
    /// finds no room tries again after a second.
    static let backlog: Int32 = 4_096
    /// Connections accepted in one turn of the event loop: they take about a millisecond of it.
    static let acceptsPerTurnMax = 32
    /// Bytes of one read.
    package var readBytesMax = 16 << 10

    /// From the accept to the head of the first request.
    package var firstHeadTimeout = TimeAmount.seconds(5)
    /// From the first bytes of a later head to its last.
    package var headTimeout = TimeAmount.seconds(10)
    /// From the head of a request to its end: a body of 1 MiB has come by then also over a slow line.
    package var bodyTimeout = TimeAmount.seconds(20)
    /// How long a client may take until it reads an answer.
    package var writeTimeout = TimeAmount.seconds(20)
    /// Between two requests: longer than the usual 60 s of load balancers, so that they close first and never send into
    /// a connection that is being closed.
    package var idleTimeout = TimeAmount.seconds(75)
    /// What a client still sends behind the last answer is read and dropped for so long, as it reads the answer only
    /// then or loses it.
    package var lingerTimeout = TimeAmount.seconds(10)
    package var lingerBytesMax = 64 << 20
    /// How long a server that stops waits for a request to come to its end, and for a client to close.
    package var stopReadTimeout = TimeAmount.seconds(1)
    /// How long it waits for an answer.
    package var stopAnswerTimeout = TimeAmount.seconds(6)

    package init() {}
}
