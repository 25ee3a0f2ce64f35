import Callbacks
import PresenceCore

/// Who is told of changes.
extension ConfigurationSources {
    func callback() throws(StartError) -> CallbackOptions? {
        guard let text = try text(.callbackURL) else { return nil }
        var extensions: Set<Reason> = []
        if try required(.callbackSendKicked) { extensions.insert(.kicked) }
        if try required(.callbackSendExpired) { extensions.insert(.expired) }
        let url: CallbackURL
        do throws(InvalidInput) { url = try CallbackURL(text) } catch {
            throw refused(.callbackURL, because: error.message)
        }
        return CallbackOptions(
            url: url, timeoutMs: try required(.callbackTimeoutMs),
            sdkAppID: try number(.appID) ?? 0, signToken: try self.text(.callbackSignToken),
            webhookSecrets: try webhookSecrets(), extensions: extensions, trusted: try trustedCertificates(for: url))
    }

    private func webhookSecrets() throws(StartError) -> [WebhookSecret] {
        try list(.callbackWebhookSecrets).map { secret throws(StartError) in
            do throws(InvalidInput) { return try WebhookSecret(secret) } catch {
                throw refused(.callbackWebhookSecrets, because: error.message)
            }
        }
    }

    private func trustedCertificates(for url: CallbackURL) throws(StartError) -> TrustedCertificates {
        guard let path = try text(.callbackCAFile) else { return .system }
        guard url.isHTTPS else {
            throw StartError(
                .configuration,
                "callback.ca-file is set but callback.url is not https: without TLS no certificate is shown.")
        }
        guard let certificates = TrustedCertificates(pemFile: path) else {
            throw refused(.callbackCAFile, path, must: "a PEM file that can be read and holds a certificate")
        }
        return certificates
    }
}
