// Callbacks: the HTTP way out, one attempt at a time.
//
// Promises: the body and the query of a change are the same bytes on every attempt, only the proofs of
// origin (`Sign`, `webhook-signature`) carry the time of the attempt; an attempt ends within its timeout
// and says whether to go on, to try again or to give up; a redirect is never followed, and of an answer
// only its status and `Retry-After` count, as soon as they are there: its body holds up nothing.
// Does not: retry, keep order, remember what was delivered. That is the work of who calls it.

import NIOCore
import NIOHTTP1
import NIOSSL
import PresenceCore
import Telemetry

/// Posts changes to the app's backend.
package struct CallbackSender: Sendable {
    private let options: CallbackOptions
    private let proofs: Replaceable<CallbackProofs>
    private let client: ReceiverClient
    private let figures: CallbackFigures
    private let tls: Replaceable<NIOSSLContext>?
    private let now: @Sendable () -> Int
    private let targetPrefix: String
    private let headers: HTTPHeaders

    /// - Parameters:
    ///   - inFlightMax: deliveries under way at once, which the caller sees to; as many connections are kept open.
    ///   - eventLoop: of all connections.
    ///   - now: unix time in seconds, as it stands in the proofs of origin.
    /// - Throws: for https, if the certificates to trust cannot be used.
    package init(
        options: CallbackOptions, inFlightMax: Int, eventLoop: any EventLoop, instruments: Instruments = .none,
        now: @escaping @Sendable () -> Int
    ) throws {
        figures = CallbackFigures(instruments)
        self.options = options
        proofs = Replaceable(options.proofs)
        self.now = now
        let url = options.url
        let address = ReceiverAddress(
            host: url.host, port: url.port, tls: url.isHTTPS ? Replaceable(try options.trusted.clientContext()) : nil)
        tls = address.tls
        client = ReceiverClient(to: address, connectionsMax: inFlightMax, eventLoop: eventLoop)
        targetPrefix = url.targetPrefix(sdkAppID: options.sdkAppID)
        headers = [
            "Host": url.authority, "User-Agent": "presence/\(PresenceVersion.current)",
            "Content-Type": "application/json",
        ]
    }

    /// From now on every attempt carries these proofs of origin.
    package func use(_ proofs: CallbackProofs) { self.proofs.replace(with: proofs) }

    /// From now on every new connection trusts these; those that are open stay.
    /// - Throws: if they cannot be used; then nothing changes.
    package func use(_ trusted: TrustedCertificates) throws {
        if let tls { tls.replace(with: try trusted.clientContext()) }
    }

    /// One attempt, at most `timeoutMs`. Never throws: whatever keeps the change from the receiver is an outcome.
    package func deliver(_ change: StatusChange) async -> DeliveryOutcome {
        guard options.wants(change.reason) else { return .unwanted }
        let start = NIODeadline.now()
        let answer = await client.send(
            request(for: change, at: now()), deadline: start + .milliseconds(Int64(options.timeoutMs)))
        let outcome = outcome(of: answer)
        figures.ended(answer, outcome, after: .now() - start)
        return outcome
    }

    private func outcome(of answer: ReceiverAnswer) -> DeliveryOutcome {
        switch answer {
        case .head(let head): .of(head)
        case .noHTTP: .retry(afterMs: nil, detail: DeliveryOutcome.noHTTP)
        case .timeout: .retry(afterMs: nil, detail: "no answer within \(options.timeoutMs) ms")
        case .none(let why): .retry(afterMs: nil, detail: "no answer: \(why)")
        }
    }

    /// Ends all connections. Deliveries under way fail, later ones too.
    package func close() async { await client.close() }

    /// - Parameter time: unix time of the attempt in seconds.
    func request(for change: StatusChange, at time: Int) -> ReceiverRequest {
        let body = CallbackBody.bytes(of: change)
        let proofs = proofs.current
        var headers = headers
        headers.add(name: "Content-Length", value: String(body.readableBytes))
        for header in WebhookSignature.headers(
            id: change.id, timestamp: time, body: body, secrets: proofs.webhookSecrets)
        {
            headers.add(name: header.name, value: header.value)
        }
        if let id = change.cause?.request { headers.add(name: "X-Request-Id", value: id.description) }
        if let trace = change.cause?.trace { headers.add(name: "traceparent", value: trace.description) }
        return ReceiverRequest(
            head: HTTPRequestHead(
                version: .http1_1, method: .POST, uri: target(of: change, at: time, signToken: proofs.signToken),
                headers: headers),
            body: body)
    }

    private func target(of change: StatusChange, at time: Int, signToken: String?) -> String {
        var target = ""
        target.reserveCapacity(targetPrefix.utf8.count + Self.targetBytesUsual)
        target.append(targetPrefix)
        target.appendPercentEncoded(change.address ?? "")
        target.append("&OptPlatform=")
        target.append(change.originName)
        if let token = signToken { TokenSignature.append(to: &target, token: token, requestTime: time) }
        return target
    }

    /// Holds most addresses, a platform and a `Sign` with its time.
    private static let targetBytesUsual = 160
}

extension DeliveryOutcome {
    /// Keeps the number small; how long a receiver is really waited for the worker decides.
    static let retryAfterSecondsMax = 3_600

    /// What a receiver's answer means. `Retry-After` counts where it is given in seconds.
    static func of(_ head: HTTPResponseHead) -> DeliveryOutcome {
        switch head.status.code {
        case 200..<300:
            return .delivered
        case 429, 503:
            let seconds = head.headers.first(name: "Retry-After").flatMap { Int($0) }
                .map { min(max($0, 0), retryAfterSecondsMax) }
            return .retry(afterMs: seconds.map { $0 * 1_000 }, detail: head.told)
        case 400..<500 where head.status.code != 408:
            return .refused(detail: head.told)
        default:
            return .retry(afterMs: nil, detail: head.told)
        }
    }
}

extension HTTPResponseHead {
    fileprivate var told: String { "the receiver answered \(status.code)" }
}
