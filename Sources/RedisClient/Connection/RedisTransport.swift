import NIOCore

/// An open connection to a server.
struct RedisTransport: Sendable {
    let channel: any Channel
    let address: RedisAddress
    /// nil without TLS.
    let handshake: TLSHandshake?

    func close() { channel.close(promise: nil) }
}
