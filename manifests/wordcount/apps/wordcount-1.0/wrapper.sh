# Count the words of ${text} into counts.txt, after ${seconds} seconds.
sleep "${seconds}"
tr -cs '[:alnum:]' '\n' < "${text}" | sort | uniq -c | sort -k1,1nr -k2 > counts.txt
