import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

/** Java's HttpClient as it comes, which offers h2c with every request: prints the status of each answer. */
class Client {
    public static void main(String[] arguments) throws Exception {
        String[][] calls = {
            {"/v1/sessions", "{\"user\":\"ann\",\"platform\":\"Web\"}"},
            {"/v1/heartbeats", "{\"sessions\":[{\"user\":\"ann\",\"session\":\"Web:a:b\"}]}"},
            {"/v1/statuses", "{\"users\":[\"ann\"]}"},
            {"/v1/statuses", "a".repeat(2_000_000)},
            {"/v1/statuses", "{\"users\":[\"ann\"]}"},
        };
        HttpClient client = HttpClient.newHttpClient();
        StringBuilder statuses = new StringBuilder();
        for (String[] call : calls) {
            HttpRequest request = HttpRequest.newBuilder(URI.create(arguments[0] + call[0]))
                    .POST(HttpRequest.BodyPublishers.ofString(call[1])).build();
            statuses.append(client.send(request, HttpResponse.BodyHandlers.ofString()).statusCode()).append(' ');
        }
        System.out.println(statuses.toString().trim());
    }
}
