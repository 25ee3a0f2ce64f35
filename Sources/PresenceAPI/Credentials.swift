/// Who is let in: what a configuration that is read anew replaces, all at once. A request is let in by one of them.
final class Credentials: Sendable {
    let authentication: BearerAuthentication
    /// nil where there is no app.
    let compatible: CompatibleAPI?

    init(_ authentication: BearerAuthentication, compatible: CompatibleAPI?) {
        self.authentication = authentication
        self.compatible = compatible
    }
}
