using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>The site built from the documentation, as seen in a reader's browser: every link leads somewhere, and the search works.</summary>
[TestFixture]
[Category(Categories.Once)]
internal sealed class SiteTests : IDisposable
{
    private const string Links =
        """
        (async () => {
            const until = performance.now() + 10000;
            while (!document.querySelector('header nav a[href*="agents"]') && performance.now() < until) await new Promise(done => setTimeout(done, 20));
            return {
                links: [...document.querySelectorAll('a[href]')].map(link => link.href),
                anchors: [...document.querySelectorAll('[id], a[name]')].map(anchor => anchor.id || anchor.name),
                missing: [...document.images].filter(image => image.complete && image.naturalWidth == 0).map(image => image.src),
                text: document.querySelector('article')?.innerText.length ?? 0,
            };
        })()
        """;

    private const string Search =
        """
        (async () => {
            const query = document.querySelector('#search-query');
            const until = performance.now() + 20000;
            while (performance.now() < until) {
                query.value = 'TwoLayerClassifier';
                query.dispatchEvent(new Event('input', { bubbles: true }));
                const found = document.querySelector('#search-results .sr-item a');
                if (found) return found.href;
                await new Promise(done => setTimeout(done, 100));
            }
            return null;
        })()
        """;

    private DirectoryInfo? folder;
    private HttpListener? server;
    private Uri? site;

    [OneTimeSetUp]
    public void Build()
    {
        Repository.RequireSources();
        if (OperatingSystem.IsWindows()) Assert.Inconclusive("The site is built by a shell script.");
        folder = Directory.CreateTempSubdirectory("neuralplugin-site-");
        ProcessStartInfo start = new(Repository.PathOf("Documentation~/site/build")) { RedirectStandardError = true, RedirectStandardOutput = true };
        start.ArgumentList.Add(folder.FullName);
        using Process build = Process.Start(start)!;
        Task<string> output = build.StandardOutput.ReadToEndAsync(), errors = build.StandardError.ReadToEndAsync();
        build.WaitForExit();
        Assert.That(build.ExitCode, Is.Zero, $"{output.Result}{errors.Result}");
        Serve();
    }

    /// <summary>Called after all tests have run.</summary>
    public void Dispose()
    {
        server?.Close();
        folder?.Delete(recursive: true);
    }

    [Test]
    [Category(Categories.Nightly)]
    public async Task EveryLinkLeadsSomewhere()
    {
        await using HeadlessBrowser browser = await StartABrowser();
        Dictionary<string, HashSet<string>> anchorsOf = [];
        List<(string From, Uri To)> links = [];
        Queue<Uri> next = new([new Uri(site!, "index.html")]);
        HashSet<string> seen = ["/index.html"];
        while (next.TryDequeue(out Uri? page))
        {
            await browser.OpenAsync(page);
            JsonNode shown = (await browser.EvaluateAsync(Links))!;
            Assert.Multiple(() =>
            {
                Assert.That((int)shown["text"]!, Is.GreaterThan(20), $"{page} has a text");
                Assert.That(shown["missing"]!.AsArray(), Is.Empty, $"{page} has all its pictures");
            });
            anchorsOf[page.AbsolutePath] = [.. shown["anchors"]!.AsArray().Select(anchor => (string)anchor!)];
            foreach (Uri link in shown["links"]!.AsArray().Select(link => new Uri((string)link!)))
            {
                links.Add((page.AbsolutePath, link));
                if (link.Authority == site!.Authority && link.AbsolutePath.EndsWith(".html", StringComparison.Ordinal) && seen.Add(link.AbsolutePath)) next.Enqueue(link);
            }
        }

        string[] broken =
        [
            .. links.Where(link => !Leads(link.To, anchorsOf)).Select(link => $"{link.From} -> {link.To}").Distinct(),
        ];
        Assert.Multiple(() =>
        {
            Assert.That(
                Repository.FilesBelow("Documentation~", "*.md").Select(page => $"/{Path.GetFileNameWithoutExtension(page)}.html").Append("/api/NeuralPlugin.NeuralDevice.html"),
                Is.SubsetOf(anchorsOf.Keys), "what can be reached from the front page; Documentation~/site/toc.yml names the pages");
            Assert.That(broken, Is.Empty);
            Assert.That(browser.Complaints, Is.Empty);
        });
    }

    [Test]
    public async Task TheSearchFindsAClass()
    {
        await using HeadlessBrowser browser = await StartABrowser();
        await browser.OpenAsync(new Uri(site!, "index.html"));
        Assert.That((string?)await browser.EvaluateAsync(Search), Does.Contain("TwoLayerClassifier"));
    }

    private static async Task<HeadlessBrowser> StartABrowser()
    {
        string? chromium = HeadlessBrowser.Find();
        if (chromium is null) Assert.Inconclusive("There is no Chromium on PATH (Debian: chromium).");
        return await HeadlessBrowser.StartAsync(chromium!);
    }

    private bool Leads(Uri link, Dictionary<string, HashSet<string>> anchorsOf)
    {
        if (link.Authority != site!.Authority) return link.Scheme == Uri.UriSchemeHttps;
        string fragment = Uri.UnescapeDataString(link.Fragment.TrimStart('#'));
        return anchorsOf.TryGetValue(link.AbsolutePath, out HashSet<string>? anchors)
            ? fragment.Length == 0 || anchors.Contains(fragment)
            : File.Exists(FileOf(link)) && fragment.Length == 0;
    }

    private string FileOf(Uri link)
    {
        string path = Uri.UnescapeDataString(link.AbsolutePath).TrimStart('/');
        return Path.Combine(folder!.FullName, path.Length == 0 || path.EndsWith('/') ? path + "index.html" : path);
    }

    private void Serve()
    {
        // The listener does not accept port 0, so a free one is requested first.
        using (TcpListener free = new(IPAddress.Loopback, 0))
        {
            free.Start();
            site = new Uri($"http://127.0.0.1:{((IPEndPoint)free.LocalEndpoint).Port}/");
        }

        server = new HttpListener();
        server.Prefixes.Add(site.AbsoluteUri);
        server.Start();
        _ = Task.Run(AnswerAsync);
    }

    private async Task AnswerAsync()
    {
        while (server!.IsListening)
        {
            HttpListenerContext request;
            try
            {
                request = await server.GetContextAsync();
            }
            catch (Exception closed) when (closed is HttpListenerException or ObjectDisposedException)
            {
                return;
            }

            string file = FileOf(request.Request.Url!);
            using HttpListenerResponse response = request.Response;
            if (!File.Exists(file))
            {
                response.StatusCode = (int)HttpStatusCode.NotFound;
                continue;
            }

            response.ContentType = Path.GetExtension(file) switch
            {
                ".html" => "text/html",
                ".js" => "text/javascript",
                ".css" => "text/css",
                ".json" => "application/json",
                ".svg" => "image/svg+xml",
                ".png" => "image/png",
                _ => "application/octet-stream",
            };
            await response.OutputStream.WriteAsync(await File.ReadAllBytesAsync(file));
        }
    }
}
