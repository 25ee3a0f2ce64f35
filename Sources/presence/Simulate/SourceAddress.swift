import NIOCore

/// From where a client connects. Two addresses have 28 000 ports between them, and workers count sockets per address.
enum SourceAddress {
    static let clientsPerAddress = 200

    /// On loopback an address of 127.0.0.0/8 for every 200 clients; nil elsewhere, where the kernel chooses.
    static func of(client: Int, to url: String) -> SocketAddress? {
        guard url.hasPrefix("ws://127.") || url.hasPrefix("ws://localhost") else { return nil }
        let number = client / clientsPerAddress + 1
        return try? SocketAddress(
            ipAddress: "127.\(number >> 16 & 255).\(number >> 8 & 255).\(number & 255)", port: 0)
    }
}
