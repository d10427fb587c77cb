/* SPDX-License-Identifier: MIT
 * The least a handler can be: a constant reply to each line. What it costs, systemd costs. */
#include <string.h>
#include <unistd.h>

int main(void)
{
    static const char reply[] = "200 value\n";
    char data[4096];
    ssize_t length;

    while ((length = read(0, data, sizeof data)) > 0)
        for (ssize_t i = 0; i < length; i++)
            if (data[i] == '\n' && write(1, reply, strlen(reply)) < 0)
                return 1;
    return 0;
}
