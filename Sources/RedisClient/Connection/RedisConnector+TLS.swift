import Logging
import NIOCore
import NIOPosix
import NIOSSL
import PresenceCore

/// Connections in TLS, and those that should be and are not.
extension RedisConnector {
    func connectInTLS(
        to address: RedisAddress, on eventLoop: any EventLoop, handler: @escaping Handler
    ) async throws(RedisError) -> RedisTransport {
        let context: NIOSSLContext
        do { context = try await secured.value().context } catch let error as RedisTLS.Unusable {
            throw RedisError(.invalidConfiguration, error.description, underlying: error)
        } catch {
            throw .unreachable(error)
        }
        let transport = try await open(
            address, tls: (context, serverName(of: address)), on: eventLoop, handler: handler)
        do {
            try await shakeHands(over: transport)
            proof.given()
            return transport
        } catch {
            if let complaint = complaint(about: transport) { throw complaint }
            let isPlain = await speaksPlainly(address, on: eventLoop)
            throw isPlain ? self.error(.plain, of: address) : .unreachable(error)
        }
    }

    /// Waits for the end of the handshake, at most the command deadline; closes the connection if it fails.
    private func shakeHands(over transport: RedisTransport) async throws {
        let timer = transport.channel.eventLoop.scheduleTask(in: TimeAmount(options.commandDeadline)) {
            transport.close()
        }
        defer { timer.cancel() }
        do { try await transport.handshake?.completed.get() } catch {
            transport.close()
            throw error
        }
    }

    /// What the certificate must be for. nil for an address: NIOSSL compares that with those of the certificate.
    private func serverName(of address: RedisAddress) -> String? {
        if let name = options.tls.serverName { return name }
        guard case .tcp(let host, _) = address, NetworkAddress(host) == nil else { return nil }
        return host
    }

    /// Why TLS failed on the connection, if somebody has to mend it.
    func complaint(about transport: RedisTransport) -> RedisError? {
        transport.handshake?.fault.map { error($0, of: transport.address) }
    }

    private func error(_ fault: TLSFault, of address: RedisAddress) -> RedisError {
        var name = options.tls.serverName
        if name == nil, case .tcp(let host, _) = address { name = host }
        return RedisError(
            .invalidConfiguration, fault.advice(options.tls, name: name ?? "\(address)", for: endpoint),
            underlying: fault)
    }
}

/// A server that is spoken to in the wrong way says nothing, or hangs up: what it would answer to the right one tells
/// that from a network that fails.
extension RedisConnector {
    /// Why a connection was lost before anything was answered.
    func cause(of loss: RedisError, on transport: RedisTransport) async -> RedisError {
        if let complaint = complaint(about: transport) { return complaint }
        guard !endpoint.isEncrypted, !proof.isGiven, case .tcp = transport.address,
            await speaksTLS(transport.address, on: transport.channel.eventLoop)
        else { return loss }
        return RedisError(
            .invalidConfiguration,
            "Redis speaks TLS there. Write \(endpoint.scheme(isEncrypted: true)):// in redis.url.", underlying: loss)
    }

    /// Nothing is sent but a greeting, so it does not matter whose certificate is shown.
    private func speaksTLS(_ address: RedisAddress, on eventLoop: any EventLoop) async -> Bool {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateVerification = .none
        guard let context = try? NIOSSLContext(configuration: configuration) else { return false }
        do {
            let transport = try await open(address, tls: (context, nil), on: eventLoop) { .deaf }
            defer { transport.close() }
            try await shakeHands(over: transport)
            return true
        } catch {
            return false
        }
    }

    private func speaksPlainly(_ address: RedisAddress, on eventLoop: any EventLoop) async -> Bool {
        if proof.isGiven { return false }
        let exchange = try? await answers(to: [RedisCommand(keyless: "PING")]) { handler throws(RedisError) in
            try await open(address, on: eventLoop, handler: handler)
        }
        return exchange?.answers.isEmpty == false
    }
}

extension ReplyHandler {
    /// Of a connection nothing is expected from.
    fileprivate static var deaf: ReplyHandler {
        ReplyHandler(replyBytesMax: 1_024, logger: .silent) { _ in }
    }
}
